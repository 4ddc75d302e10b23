// A replica's part of a table that replicas share: each writes only its own entries, under keys that begin with its id.
import type { Table, TableEntry } from '../lib/table.ts';

/** Whose entry it is, and its key there. An entry from before there were replicas is nobody's. */
export function partOf(whole: string): { readonly replica: string; readonly key: string } {
  const [, replica = '', key = whole] = /^@(\S+) ([\s\S]*)$/.exec(whole) ?? [];
  return { replica, key };
}

/** Prefix of a mark's key. Each mark has a key of its own: an entry that changes again is told where its first change was. */
const markPrefix = '~mark ';
const markLifeMs = 60_000;

/** `watch` and leases are of the whole table. */
export function createPartTable(table: Table, replica: string): Table {
  const prefix = `@${replica} `;
  const own = ({ key, value }: TableEntry): readonly TableEntry[] =>
    key.startsWith(prefix) && !key.startsWith(prefix + markPrefix) ? [{ key: key.slice(prefix.length), value }] : [];
  return {
    ...table,
    get: (key) => table.get(prefix + key),
    set: (key, value, options) => table.set(prefix + key, value, options),
    delete: (key, options) => table.delete(prefix + key, options),
    list: async () => (await table.list()).flatMap(own),
    async *entries() {
      for await (const entry of table.entries()) yield* own(entry);
    },
    claim: (key, value, options) => table.claim(prefix + key, value, options),
    compareAndSet: (key, before, next, options) => table.compareAndSet(prefix + key, before, next, options),
  };
}

export interface WatchOthers {
  /** Settled once everything that was there before has been told, or could not be read. */
  readonly past: Promise<void>;
  stop(): void;
}

/** Told of what is in the parts of others, of every change in them, and of their marks. */
export function watchOthers(
  table: Pick<Table, 'watch' | 'entries'>,
  own: string,
  listener: (replica: string, key: string, value: TableEntry['value'] | undefined) => void,
  onMark: OnMark = () => {},
): WatchOthers {
  /** What changed while the past is read: that is newer. */
  let changed: Set<string> | undefined = new Set();
  let stopped = false;
  const unwatch = table.watch(({ key: whole, value }) => {
    const { replica, key } = partOf(whole);
    if (replica === own) return;
    changed?.add(whole);
    if (!key.startsWith(markPrefix)) listener(replica, key, value);
    else if (value !== undefined) onMark(replica, key.slice(markPrefix.length));
  });
  const readPast = async (): Promise<void> => {
    for await (const { key: whole, value } of table.entries()) {
      const { replica, key } = partOf(whole);
      if (stopped) return;
      if (replica !== own && !key.startsWith(markPrefix) && changed?.has(whole) !== true) listener(replica, key, value);
    }
  };
  const past = readPast().finally(() => {
    changed = undefined;
  });
  // Whoever waits for it is told why; nobody has to.
  past.catch(() => undefined);
  return {
    past,
    stop() {
      stopped = true;
      unwatch();
    },
  };
}

export type OnMark = (replica: string, mark: string) => void;

/** Whoever is told of the mark has been told of everything that was written to this part before. */
export async function markPart(part: Pick<Table, 'set'>, mark: string): Promise<void> {
  await part.set(markPrefix + mark, true, { ttlMs: markLifeMs });
}
