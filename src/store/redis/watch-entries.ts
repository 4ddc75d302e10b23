// Follows the entries of one table of Redis: of what changed, the newest value is read and told, one batch after another. While Redis does
// not answer, what is to be told waits.
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { TableChange, TableEntry } from '../../lib/table.ts';
import type { ChangedEntries } from './table-changes.ts';

export interface EntryWatchDeps {
  /** Told which entries changed. */
  readonly watch: (listener: (changed: ChangedEntries) => void) => () => void;
  readonly read: (keys: readonly string[]) => Promise<readonly TableChange[]>;
  readonly list: () => Promise<readonly TableEntry[]>;
  readonly listener: (change: TableChange) => void;
  readonly log: Log;
}

const againMs = 500;
const atATime = 200;

/** The answer ends it. */
export function createEntryWatch({ watch, read, list, listener, log }: EntryWatchDeps): () => void {
  const changed = new Set<string>();
  /** Of entries that were told to be there: whatever is not listed any more is gone. */
  const there = new Set<string>();
  let all = false;
  let working = false;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  const tell = (change: TableChange): void => {
    if (ended) return;
    if (change.value === undefined) there.delete(change.key);
    else there.add(change.key);
    try {
      listener(change);
    } catch (reason) {
      log.error({ key: change.key, reason: String(reason) }, 'a change of a table is not taken');
    }
  };
  const tellAll = async (): Promise<void> => {
    all = false;
    const found = await list().catch((reason: unknown) => {
      all = true;
      throw reason;
    });
    const gone = new Set(there);
    for (const entry of found) {
      gone.delete(entry.key);
      tell(entry);
    }
    for (const key of gone) tell({ key, value: undefined });
  };
  const tellSome = async (): Promise<void> => {
    const keys = [...changed].slice(0, atATime);
    for (const key of keys) changed.delete(key);
    const found = await read(keys).catch((reason: unknown) => {
      for (const key of keys) changed.add(key);
      throw reason;
    });
    for (const change of found) tell(change);
  };
  const work = async (): Promise<void> => {
    if (working) return;
    working = true;
    try {
      while (!ended && (all || changed.size > 0)) await (all ? tellAll() : tellSome());
    } catch (reason) {
      log.debug({ reason: CellwallError.from(reason).message }, 'changes of a table cannot be read yet');
      clearTimeout(timer);
      timer = setTimeout(() => void work(), againMs);
      timer.unref();
    } finally {
      working = false;
    }
  };
  const unwatch = watch((keys) => {
    if (keys === 'all') all = true;
    else for (const key of keys) changed.add(key);
    void work();
  });
  return () => {
    ended = true;
    clearTimeout(timer);
    unwatch();
  };
}
