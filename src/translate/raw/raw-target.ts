// What a raw resource is, or a patch applies to: by type and name, and where in the document that is written.
import type { FieldPath } from '../../model/field-path.ts';
import type { RawIr } from '../../policy/raw-ir.ts';
import { readRaw } from './read-raw.ts';

export interface RawTarget {
  readonly typeUrl: string;
  readonly name: string;
}

/** The name is empty if the resource cannot be read. */
export function targetOf({ change }: RawIr): RawTarget {
  if (change.kind !== 'resource') return change;
  const reading = readRaw(change);
  return { typeUrl: change.typeUrl, name: reading.kind === 'read' ? reading.read.name : '' };
}

/** Equal for documents that are about the same resource. */
export function targetKey({ typeUrl, name }: RawTarget): string {
  return `${typeUrl} ${name}`;
}

/** For people. */
export function targetText({ typeUrl, name }: RawTarget): string {
  return `${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)} "${name}"`;
}

/** Where in the document the body is written. */
export function bodyPlace({ change }: RawIr): FieldPath {
  if (change.kind === 'resource') return ['spec', 'resource'];
  return change.kind === 'merge' ? ['spec', 'patch', 'value'] : ['spec', 'patch'];
}

/** Where in the document the name is written. */
export function namePlace({ change }: RawIr): FieldPath {
  if (change.kind !== 'resource') return ['spec', 'patch', 'name'];
  return ['spec', 'resource', change.typeUrl.endsWith('.ClusterLoadAssignment') ? 'cluster_name' : 'name'];
}
