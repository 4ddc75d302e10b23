// Which revision a change gets: the next one, or for a store that takes over another's content, that one's.
import type { ApplyOptions, StoreState } from './store.ts';

/** Undefined: the next one. A wanted one counts if it is later than what is in force, or nothing is. */
export function wantedRevision(
  base: Pick<StoreState, 'revision' | 'documents'>,
  { revision }: Pick<ApplyOptions, 'revision'>,
): number | undefined {
  if (revision === undefined) return undefined;
  return revision > base.revision || base.documents.length === 0 ? revision : undefined;
}
