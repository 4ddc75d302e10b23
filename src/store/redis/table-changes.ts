// Which entries of the tables somebody has changed. A message of pub/sub is only a hint to look: every change has a number, and what
// changed since the last one seen is read from the log of changes; if that does not have all of them, everything is looked at again. A look
// that finds nothing (the poll, mostly) costs one small read, however many entries there are.
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { RedisLink } from './link.ts';
import { changeKeys, maxNameBytes } from './redis-table.ts';
import { changesScript } from './table-scripts.ts';

/** Keys of entries that changed; `all`: nobody knows which. */
export type ChangedEntries = readonly string[] | 'all';

export interface TableChanges {
  /** Looks what changed: when told to, and now and then, because messages get lost. */
  look(): void;
  /** The connection is new: whatever was seen on the one before may be gone. */
  restart(): void;
  /** The answer ends it. */
  watch(table: string, listener: (changed: ChangedEntries) => void): () => void;
}

/** More at once are looked up by reading the tables. */
const most = 2000;

export function createTableChanges(link: Pick<RedisLink, 'script'>, prefix: string, log: Log): TableChanges {
  const listeners = new Map<string, Set<(changed: ChangedEntries) => void>>();
  /** Undefined: nothing is known yet. */
  let seen: { readonly epoch: string; readonly count: number } | undefined;
  let looking = false;
  let again = false;
  const tellAll = (): void => {
    for (const table of listeners.values()) for (const listener of table) listener('all');
  };
  const tell = (names: readonly string[]): void => {
    const byTable = Map.groupBy(names, (name) => name.slice(0, name.indexOf(' ')));
    for (const [table, own] of byTable) {
      const keys = [...new Set(own.map((name) => name.slice(table.length + 1)))];
      for (const listener of listeners.get(table) ?? []) listener(keys);
    }
  };
  const work = async (): Promise<void> => {
    do {
      again = false;
      const before = seen;
      const { epoch: last, count: from } = before ?? { epoch: '', count: 0 };
      const reply = await link.script(changesScript, changeKeys(prefix), [
        ...[last, String(from), String(most), String(maxNameBytes)],
      ]);
      const [epoch, count, ...names]: readonly unknown[] = Array.isArray(reply) ? reply : [];
      // The connection is another one since.
      if (seen !== before) continue;
      seen = { epoch: String(epoch), count: Number(count) };
      if (before === undefined || names[0] === 'all') tellAll();
      else tell(names.map(String).toReversed());
    } while (again);
  };
  const look = (): void => {
    if (listeners.size === 0) return;
    again = true;
    if (looking) return;
    looking = true;
    work()
      .catch((reason: unknown) =>
        log.debug({ reason: CellwallError.from(reason).message }, 'changes of tables cannot be read'),
      )
      .finally(() => {
        looking = false;
      });
  };
  return {
    look,
    restart() {
      seen = undefined;
      look();
    },
    watch(table, listener) {
      const own = listeners.get(table) ?? new Set();
      listeners.set(table, own.add(listener));
      look();
      return () => void own.delete(listener);
    },
  };
}
