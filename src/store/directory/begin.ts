// With what the directory begins after a restart: what was in force, or the last good state before that.
import type { LastGoodStates } from '../last-good/last-good-states.ts';
import type { SavedState } from '../sqlite/state-database.ts';
import type { StoreState } from '../store.ts';
import type { InForce } from './in-force.ts';
import { readFiles } from './judge-files.ts';

/** Puts it in force, as a revision of its own if it is not what was. Returns what was in force when the process ended, for the history. */
export function begin(
  saved: SavedState | undefined,
  lastGood: Pick<LastGoodStates, 'start'>,
  inForce: Pick<InForce, 'resume' | 'state'>,
): StoreState | undefined {
  const first = lastGood.start(saved);
  if (saved === undefined || first === undefined) return undefined;
  inForce.resume(first === saved ? saved : { ...first, revision: saved.revision + 1 });
  if (first === saved) return inForce.state();
  // Only read: to find out what it means may be what the process died of.
  const { unreadable, documents } = readFiles(saved.files, undefined);
  return unreadable.length > 0 ? inForce.state() : { revision: saved.revision, documents, problems: [] };
}
