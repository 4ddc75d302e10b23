// Which identities a change of the documents takes away, and which it brings. Pure.
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { MeshIr } from '../policy/ir.ts';

export interface ChangedIdentities {
  readonly gone: readonly SpiffeId[];
  readonly added: readonly SpiffeId[];
}

export function changedIdentities(before: MeshIr, after: MeshIr): ChangedIdentities {
  return { gone: without(before, after), added: without(after, before) };
}

function without(of: MeshIr, other: MeshIr): readonly SpiffeId[] {
  const all = [...of.serviceOf.keys(), ...of.workloads.keys()];
  return all.filter((id) => !other.serviceOf.has(id) && !other.workloads.has(id));
}
