// Documents of any size, in the shape that large deployments have: a file for each service, with its dependencies and its two policies.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Scale {
  readonly services: number;
  /** Of each service. */
  readonly dependencies: number;
}

const trustDomain = 'scale.test';

export function serviceName(number: number, { services }: Scale): string {
  return `s${String((number + services) % services).padStart(4, '0')}`;
}

export function spiffeIdOf(number: number, scale: Scale): string {
  return `spiffe://${trustDomain}/cell/c1/service/${serviceName(number, scale)}`;
}

/** The policy that an edit is about: `edit` is a path of it. */
export function policyText(number: number, scale: Scale, edit = 'start'): string {
  const callers = Array.from({ length: scale.dependencies }, (_, at) => serviceName(number - 1 - at, scale));
  return `# Agreed with the owners: ask them first, and the team on call, before anything here is changed.
apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata: { name: allow-${serviceName(number, scale)}, cell: c1 }
spec:
  target: { service: ${serviceName(number, scale)} }
  action: allow
  rules:
    - from:
${callers.map((caller) => `        - service: ${caller}`).join('\n')}
      to:
        - path: { prefix: /api/v4/${edit} }
        - path: { prefix: /api/v4/projects }
          methods: [GET, POST]
`;
}

function denialText(number: number, scale: Scale): string {
  return `apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata: { name: deny-${serviceName(number, scale)}, cell: c1 }
spec:
  target: { service: ${serviceName(number, scale)} }
  action: deny
  rules:
    - from: [{ service: ${serviceName(number - 1, scale)} }]
      to: [{ path: { prefix: /admin } }]
`;
}

function serviceText(number: number, scale: Scale): string {
  const dependsOn = Array.from({ length: scale.dependencies }, (_, at) => {
    return `    - { service: ${serviceName(number + 1 + at, scale)}, listen: ${15_000 + at} }`;
  });
  return `apiVersion: cellwall/v1
kind: Service
metadata: { name: ${serviceName(number, scale)}, cell: c1 }
spec:
  protocol: http1
  dependsOn:
${dependsOn.join('\n')}
`;
}

function fileText(number: number, scale: Scale): string {
  return [serviceText(number, scale), policyText(number, scale), denialText(number, scale)].join('---\n');
}

export function writeDocuments(folder: string, scale: Scale): void {
  mkdirSync(folder, { recursive: true });
  const head = `apiVersion: cellwall/v1
kind: Mesh
metadata: { name: mesh }
spec: { trustDomain: ${trustDomain} }
---
apiVersion: cellwall/v1
kind: Cell
metadata: { name: c1 }
spec: { id: 1, region: east }
`;
  writeFileSync(join(folder, 'mesh.yaml'), head);
  for (let number = 0; number < scale.services; number++) {
    writeFileSync(join(folder, `${serviceName(number, scale)}.yaml`), fileText(number, scale));
  }
}
