// The union of all document kinds, and the key under which a document is known.
import { z } from 'zod';
import { authorizationPolicySchema } from './authorization-policy.ts';
import { cellSchema } from './cell.ts';
import { envoyResourceSchema } from './envoy-resource.ts';
import { meshSchema } from './mesh.ts';
import { serviceSchema } from './service.ts';
import { workloadSchema } from './workload.ts';

/** Every kind and its schema. A new kind is one new file and one line here. */
export const documentSchemas = {
  Mesh: meshSchema,
  Cell: cellSchema,
  Service: serviceSchema,
  AuthorizationPolicy: authorizationPolicySchema,
  Workload: workloadSchema,
  EnvoyResource: envoyResourceSchema,
} as const;

export const documentSchema = z.discriminatedUnion('kind', [
  meshSchema,
  cellSchema,
  serviceSchema,
  authorizationPolicySchema,
  workloadSchema,
  envoyResourceSchema,
]);

export type Document = z.output<typeof documentSchema>;

/** `Kind/name`, or `Kind/cell/name` for what is within a cell. Unique in a store. */
export type DocumentKey = string & { readonly __brand: 'DocumentKey' };

export function documentKey(document: Document): DocumentKey {
  const { kind, metadata } = document;
  const cell = 'cell' in metadata ? metadata.cell : undefined;
  return (cell === undefined ? `${kind}/${metadata.name}` : `${kind}/${cell}/${metadata.name}`) as DocumentKey;
}
