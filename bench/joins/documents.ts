// The documents of the benches with a whole control plane: services, each with a policy.

const trustDomain = 'bench.example';
const header = 'apiVersion: cellwall/v1\n';

export function idOf(service: string): string {
  return `spiffe://${trustDomain}/service/${service}`;
}

/** `edit`: each makes another policy of it. */
export function policyOf(service: string, caller: string, edit = 0): string {
  const rule = `{from: [{spiffeId: "${caller}"}], to: [{path: {prefix: "/edit-${edit}"}}]}`;
  const spec = `{target: {service: ${service}}, action: allow, rules: [${rule}]}`;
  return `${header}kind: AuthorizationPolicy\nmetadata: {name: ${service}}\nspec: ${spec}\n`;
}

export function documentsOf(names: readonly string[]): string {
  return [
    `${header}kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: ${trustDomain}}\n`,
    ...names.flatMap((name, at) => [
      `${header}kind: Service\nmetadata: {name: ${name}}\nspec: {protocol: http1}\n`,
      policyOf(name, idOf(names[(at + 1) % names.length] ?? '')),
    ]),
  ].join('---\n');
}

/** Which edit of `policyOf` a resource was made of; undefined if it was made of none. */
export function editOf(resource: Uint8Array): number | undefined {
  const found = /\/edit-(\d+)/.exec(Buffer.from(resource).toString('latin1'))?.[1];
  return found === undefined ? undefined : Number(found);
}
