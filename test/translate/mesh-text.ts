// YAML of the small mesh that the tests of translate share.

export const trustDomain = 'td1.test';

export const meshDocument = (mode: 'strict' | 'permissive', legacyCa?: string): string => `
apiVersion: cellwall/v1
kind: Mesh
metadata: {name: mesh}
spec:
  trustDomain: ${trustDomain}
  mtls: {mode: ${mode}}
${legacyCa === undefined ? '' : `  legacyAuthorities:\n  - name: old\n    certificates: |\n${indent(legacyCa, 6)}`}
---
apiVersion: cellwall/v1
kind: Cell
metadata: {name: cell-1}
spec: {id: 1, region: eu}
---
apiVersion: cellwall/v1
kind: Cell
metadata: {name: cell-2}
spec: {id: 2, region: eu}
---
apiVersion: cellwall/v1
kind: Cell
metadata: {name: cell-10}
spec: {id: 10, region: us}
`;

export const serviceDocument = (name: string, cell: string, spec: string): string => `
---
apiVersion: cellwall/v1
kind: Service
metadata: {name: ${name}, cell: ${cell}}
spec: ${spec}
`;

export const policyDocument = (name: string, cell: string, spec: string): string => `
---
apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, cell: ${cell}}
spec: ${spec}
`;

export const idOf = (name: string, cell: string): string => `spiffe://${trustDomain}/cell/${cell}/service/${name}`;

function indent(text: string, by: number): string {
  return text.trim().replace(/^/gm, ' '.repeat(by));
}
