// Which identities a change of the documents removes, and which it adds. Pure.
import type { SpiffeId } from '../model/spiffe-id.ts';
import { workloadOf } from '../policy/identities.ts';
import type { MeshIr } from '../policy/ir.ts';

export interface ChangedIdentities {
  readonly gone: readonly SpiffeId[];
  readonly added: readonly SpiffeId[];
  /** IDs of templates may be gone, which no document lists: everyone who has one must be checked. */
  readonly templates: boolean;
}

/** Only exact IDs are listed. */
export function changedIdentities(before: MeshIr, after: MeshIr): ChangedIdentities {
  return {
    gone: without(before, after),
    added: without(after, before),
    templates: templatesOf(before).some((one) => !templatesOf(after).includes(one)),
  };
}

function without({ identities }: MeshIr, other: MeshIr): readonly SpiffeId[] {
  return [...identities.exact.keys()].filter((id) => workloadOf(other.identities, id) === undefined);
}

/** What determines the IDs that it produces. */
function templatesOf({ identities }: MeshIr): readonly string[] {
  return identities.templates.map(({ template, selectors }) => JSON.stringify([template.text, selectors]));
}
