// A table in Redis whose writers are not trusted: every entry is sealed, with its key, its age and its expiry; and what this control plane
// wrote or has seen, it remembers on its own disk. So an entry can neither be forged, nor changed, nor restored to an earlier value, nor
// kept beyond its time; and a deleted one is still known here (a spent token stays spent). While Redis is unavailable, what is known
// here is answered, and what is written waits for it; what Redis lost is written there again.
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Seal } from '../../lib/seal.ts';
import {
  type Json,
  sameJson,
  type Table,
  type TableChange,
  type TableEntry,
  type TableOptions,
} from '../../lib/table.ts';
import { checkEntrySize } from './entry-size.ts';
import { type Entry, readEntry, sealOf } from './guarded-entry.ts';
import type { EndingEntry, KeptTable, Reach } from './kept-table.ts';
import type { RedisTable, StoredText } from './redis-table.ts';
import type { TableChanges } from './table-changes.ts';
import { createEntryWatch } from './watch-entries.ts';

export interface GuardedTableOptions {
  readonly name: string;
  readonly table: RedisTable;
  readonly changes: Pick<TableChanges, 'watch'>;
  /** On this control plane's own disk. */
  readonly memory: Table;
  readonly seal: Seal;
  readonly reach: Reach;
  /** Nobody may rely on what is written before others can see it: writing fails while Redis is away. Default: it waits. */
  readonly mustBeShared?: boolean;
  /** What others may have changed since must not be answered: listing fails while Redis is away. */
  readonly neverStale?: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long a deletion without an expiry is remembered. */
const deletedMs = 30 * 86_400_000;
const tellEveryMs = 60_000;
/** An entry that ends so soon may have ended in Redis already. */
const endsSoonMs = 5000;

export function createGuardedTable(options: GuardedTableOptions): KeptTable {
  const { name, table, changes, memory, seal, reach, mustBeShared = false, neverStale = false, clock, log } = options;
  /** Written here, and not in Redis. */
  const waiting = new Set<string>();
  let told = Number.NEGATIVE_INFINITY;
  const content = (key: string, { value, at, until }: Entry): readonly Json[] => [
    'redis-table',
    ...[name, key, at, until],
    ...(value === undefined ? [] : [value]),
  ];
  const open = (key: string, stored: Json | undefined): Entry | undefined => {
    const entry = readEntry(stored);
    if (entry !== undefined && seal.holds(sealOf(stored), content(key, entry))) return entry;
    if (stored !== undefined && clock.monotonic() - told >= tellEveryMs) {
      told = clock.monotonic();
      log.warn(
        { table: name, key: key.slice(0, 100) },
        'entries in Redis that none of our control planes wrote are ignored',
      );
    }
    return undefined;
  };
  /** The later one; what is new from Redis is remembered. */
  const newest = async (key: string, stored: Json | undefined, kept: Json | undefined): Promise<Entry | undefined> => {
    const [there, here] = [open(key, stored), readEntry(kept)];
    const later = here === undefined || (there !== undefined && there.at > here.at) ? there : here;
    if (later !== undefined && later === there) {
      // Unless something later was written here meanwhile.
      const isRemembered = await memory.compareAndSet(key, kept, { ...there }, lifeOf(there));
      if (!isRemembered) return newest(key, stored, await memory.get(key));
    }
    return later === undefined || (later.until !== null && later.until <= clock.now()) ? undefined : later;
  };
  const remember = (key: string, entry: Entry): Promise<void> => memory.set(key, { ...entry }, lifeOf(entry));
  const lifeOf = ({ value, until }: Entry): TableOptions => {
    if (until !== null) return { ttlMs: Math.max(1, until - clock.now()) };
    return value === undefined ? { ttlMs: deletedMs } : {};
  };
  const made = async (key: string, value: Json | undefined, until: number | null): Promise<Entry> => {
    const before = readEntry(await memory.get(key))?.at ?? 0;
    return { ...defined({ value }), at: Math.max(clock.now(), before + 1), until };
  };
  const sealed = (key: string, entry: Entry): Json => ({ ...entry, seal: seal.of(content(key, entry)) });
  const untilOf = ({ ttlMs }: TableOptions = {}): number | null => (ttlMs === undefined ? null : clock.now() + ttlMs);
  const find = async (key: string): Promise<Entry | undefined> => {
    const there = await reach(() => table.get(key));
    const here = await memory.get(key);
    if (there.kind === 'away' && here === undefined) throw there.why;
    return newest(key, there.kind === 'away' ? undefined : there.answer, here);
  };
  /** Under a lease nothing is decided here, or waits: it is written where the lease is checked, or not at all. */
  const putFenced = async (key: string, entry: Entry, fence: TableOptions['fence']): Promise<void> => {
    await table.set(key, sealed(key, entry), { ...lifeOf(entry), ...defined({ fence }) });
    await remember(key, entry);
  };
  const put = async (key: string, entry: Entry): Promise<void> => {
    waiting.add(key);
    const written = await reach(() => table.set(key, sealed(key, entry), lifeOf(entry)));
    if (written.kind === 'answered') waiting.delete(key);
    else if (mustBeShared) throw written.why;
  };
  /** Whether Redis had lost it, or has it as it was before. */
  const mendOne = async (key: string, stored: StoredText): Promise<boolean> => {
    const here = readEntry(await memory.get(key));
    if (here === undefined || (here.until !== null && here.until - clock.now() < endsSoonMs)) {
      waiting.delete(key);
      return false;
    }
    const there = open(key, stored.value);
    if (there !== undefined && there.at >= here.at) {
      waiting.delete(key);
      await newest(key, stored.value, { ...here });
      return false;
    }
    const wasWritten = !waiting.has(key);
    // Another replica may write it back as well, or write it anew.
    const written = await table.swap(key, stored.text, sealed(key, here), lifeOf(here));
    if (!written || readEntry(await memory.get(key))?.at !== here.at) await mendOne(key, await table.read(key));
    waiting.delete(key);
    return wasWritten;
  };

  const live = async (stored: readonly TableEntry[]): Promise<readonly EndingEntry[]> => {
    const there = new Map(stored.map(({ key, value }) => [key, value]));
    const here = new Map((await memory.list()).map(({ key, value }) => [key, value]));
    const found: EndingEntry[] = [];
    for (const key of [...new Set([...there.keys(), ...here.keys()])].sort()) {
      const { value, until } = (await newest(key, there.get(key), here.get(key))) ?? {};
      if (value !== undefined) found.push({ key, value, ...defined({ until: until ?? undefined }) });
    }
    return found;
  };
  const list = async (): Promise<readonly TableEntry[]> => {
    const listed = await reach(() => table.list());
    if (listed.kind === 'away' && neverStale) throw listed.why;
    return (await live(listed.kind === 'away' ? [] : listed.answer)).map(({ key, value }) => ({ key, value }));
  };

  return {
    get: async (key) => (await find(key))?.value,
    async set(key, value, options) {
      const entry = await made(key, value, untilOf(options));
      if (options?.fence !== undefined) return putFenced(key, entry, options.fence);
      // One that Redis never takes would wait here for ever.
      checkEntrySize(name, key, JSON.stringify(sealed(key, entry)));
      // Here first: whoever can make Redis refuse writes cannot undo a decision such as a deletion or an eviction.
      await remember(key, entry);
      await put(key, entry);
    },
    async delete(key, options) {
      const before = readEntry(await memory.get(key)) ?? (await find(key));
      if (before === undefined) return table.delete(key, options);
      // Not simply absent: an old copy that is restored is older than this.
      const entry = await made(key, undefined, before.until);
      if (options?.fence !== undefined) return putFenced(key, entry, options.fence);
      await remember(key, entry);
      await put(key, entry);
    },
    async *entries() {
      const seen = new Set<string>();
      for await (const { key, value: here } of memory.entries()) {
        seen.add(key);
        const there = await reach(() => table.get(key));
        const value = (await newest(key, there.kind === 'away' ? undefined : there.answer, here))?.value;
        if (value !== undefined) yield { key, value };
      }
      try {
        for await (const { key, value: there } of table.entries()) {
          const value = seen.has(key) ? undefined : (await newest(key, there, undefined))?.value;
          if (value !== undefined) yield { key, value };
        }
      } catch (reason) {
        // All that is known here was answered.
        if (CellwallError.from(reason).code !== 'unavailable') throw reason;
      }
    },
    list,
    async claim(key, value, options) {
      const before = await find(key);
      if (before?.value !== undefined) return { won: false, value: before.value };
      const entry = await made(key, value, untilOf(options));
      const { fence } = options ?? {};
      const life = { ...lifeOf(entry), ...defined({ fence }) };
      const { won, value: stored } = await table.claim(key, sealed(key, entry), life);
      const winner = won ? entry : open(key, stored);
      // Somebody wrote something there that is not an entry: lost, and nobody gets it.
      if (winner?.value === undefined) return { won: false, value: null };
      // Of two concurrent claims on this host, one wins here, too.
      const kept = readEntry((await memory.claim(key, { ...winner }, lifeOf(winner))).value);
      return { won: won && kept?.at === entry.at, value: kept?.value ?? winner.value };
    },
    async compareAndSet(key, before, next, options) {
      const there = await table.read(key);
      const current = await newest(key, there.value, await memory.get(key));
      if (!sameJson(current?.value, before)) return false;
      const entry = await made(key, next, next === undefined ? (current?.until ?? null) : untilOf(options));
      const { fence } = options ?? {};
      const life = { ...lifeOf(entry), ...defined({ fence }) };
      if (!(await table.swap(key, there.text, sealed(key, entry), life))) return false;
      await remember(key, entry);
      return true;
    },
    watch: (listener) =>
      createEntryWatch({
        watch: (told) => changes.watch(name, told),
        read: async (keys) => {
          const found = await table.readAll(keys);
          const read = keys.map(async (key, index): Promise<TableChange> => {
            return { key, value: (await newest(key, found[index]?.value, await memory.get(key)))?.value };
          });
          return Promise.all(read);
        },
        list,
        ...{ listener, log },
      }),
    acquire: table.acquire,
    renew: table.renew,
    release: table.release,
    withEnds: async () => live(await table.list()),
    waits: () => waiting.size > 0,
    async mend(all) {
      if (!all) {
        for (const key of [...waiting]) await mendOne(key, await table.read(key));
        return 0;
      }
      const there = new Map<string, number>();
      for await (const { key, value } of table.entries())
        there.set(key, open(key, value)?.at ?? Number.NEGATIVE_INFINITY);
      let lost = 0;
      for await (const { key, value } of memory.entries()) {
        const here = readEntry(value);
        if (here === undefined || (there.get(key) ?? Number.NEGATIVE_INFINITY) >= here.at) continue;
        if (await mendOne(key, await table.read(key))) lost += 1;
      }
      return lost;
    },
  };
}
