// Documents as a platform team has them after a few years: many services, thousands of policies, each with a word on why it is there.

export interface BigDocuments {
  readonly services: number;
  readonly policies: number;
  /** Of each policy. */
  readonly paths: number;
  /** All policies are of the first service. */
  readonly onOne?: boolean;
  /** About so many bytes of comment over each policy. */
  readonly comment?: number;
}

export const bigMesh = `apiVersion: cellwall/v1
kind: Mesh
metadata: { name: mesh }
spec: { trustDomain: cells.example }
`;

/** One text; the Mesh is not in it. */
export function bigDocuments({ services, policies, paths, onOne = false, comment = 200 }: BigDocuments): string {
  const name = (number: number): string => `team-${number % services}`;
  const documents = ['apiVersion: cellwall/v1\nkind: Cell\nmetadata: { name: c1 }\nspec: { id: 1 }'];
  for (let number = 0; number < services; number++) {
    documents.push(`apiVersion: cellwall/v1
kind: Service
metadata:
  name: ${name(number)}
  cell: c1
spec:
  protocol: http1
  dependsOn:
    - service: ${name(number + 1)}
      listen: ${15_000 + number}`);
  }
  const why =
    '# Agreed with the owners in spring: ask them first, and the team on call, before anything here is changed.\n';
  for (let number = 0; number < policies; number++) {
    const to = Array.from({ length: paths }, (_, path) => {
      return `        - path:\n            prefix: /api/v4/projects/project-${number}/resource-${path}`;
    });
    documents.push(`${why.repeat(Math.ceil(comment / why.length))}apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata:
  name: policy-${number}
  cell: c1
spec:
  target:
    service: ${name(onOne ? 0 : number)}
  action: allow
  rules:
    - from:
        - service: ${name(onOne ? -(number + 1) + services * policies : number - 1 + services)}
      to:
${to.join('\n')}`);
  }
  return `${documents.join('\n---\n')}\n`;
}
