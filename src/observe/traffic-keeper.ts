// Keeps the record of traffic in a table, so that it survives a restart: in chunks of some hundred aggregates of one service, of which only
// changed ones are written again.
import { setImmediate } from 'node:timers/promises';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';
import type { Traffic } from './traffic.ts';
import { readChunk, writeChunk } from './traffic-chunk.ts';
import type { Aggregate } from './traffic-count.ts';

export interface TrafficKeeper {
  /** Reads what was kept. Call once, first. */
  restore(): Promise<void>;
  /** Writes what changed. */
  flush(): Promise<void>;
}

export interface TrafficKeeperDeps {
  readonly traffic: Traffic;
  readonly table: Table;
  readonly log: Log;
  /** For a service's chunks as text, and for all: what is beyond is not read into memory, but deleted, the oldest first. */
  readonly serviceBytes?: number;
  readonly maxBytes?: number;
}

const mebibyte = 1024 * 1024;
const chunkSize = 200;
/** Until when services lost some of it. */
export const lostKey = '~lost';

interface Chunk {
  readonly name: string;
  readonly members: Map<string, Aggregate>;
}

/** Writes nothing by itself: call `flush` regularly. */
export function createTrafficKeeper(deps: TrafficKeeperDeps): TrafficKeeper {
  // Above what the record keeps (traffic.ts), which drops the rest itself, one by one.
  const { traffic, table, log, serviceBytes = 12 * mebibyte, maxBytes = 128 * mebibyte } = deps;
  const chunkOf = new Map<string, Chunk>();
  /** The chunk of a service that still has space. */
  const roomy = new Map<string, Chunk>();
  let next = 0;
  const place = (key: string, { service }: Aggregate): Chunk => {
    let chunk = chunkOf.get(key) ?? roomy.get(service);
    if (chunk === undefined || (!chunk.members.has(key) && chunk.members.size >= chunkSize)) {
      chunk = { name: `${next++}`, members: new Map() };
      roomy.set(service, chunk);
    }
    chunkOf.set(key, chunk);
    return chunk;
  };
  return {
    async restore() {
      let lost: ReadonlyMap<string, number> = new Map();
      let lostAnywhere = 0;
      const found: { readonly name: string; readonly aggregates: readonly Aggregate[] }[] = [];
      const sizes: ChunkSize[] = [];
      for await (const { key: name, value } of table.entries()) {
        if (name === lostKey) {
          lost = readLost(value);
          // As an older version wrote it: for any service.
          if (typeof value === 'number') lostAnywhere = value;
          continue;
        }
        if (Number.isSafeInteger(Number(name))) next = Math.max(next, Number(name) + 1);
        const [first, ...rest] = readChunk(value) ?? [];
        if (first === undefined) log.warn({ chunk: name }, 'a part of the traffic record cannot be read');
        else {
          const lastSeen = rest.reduce((latest, one) => Math.max(latest, one.lastSeen), first.lastSeen);
          sizes.push({ name, service: first.service, lastSeen, bytes: JSON.stringify(value).length });
        }
      }
      const { fit, beyond } = fitting(sizes, serviceBytes, maxBytes);
      for (const { name } of fit) {
        const aggregates = readChunk((await table.get(name)) ?? null);
        if (aggregates !== undefined) found.push({ name, aggregates });
      }
      const all = found.flatMap(({ aggregates }) => aggregates);
      const old = lostAnywhere === 0 ? [] : all.map(({ service }) => [service, lostAnywhere] as const);
      const cut = new Map([...old, ...lost]);
      for (const { service, lastSeen } of beyond) cut.set(service, Math.max(cut.get(service) ?? 0, lastSeen));
      traffic.restore(all, cut);
      for (const { name, aggregates } of found) {
        const chunk: Chunk = { name, members: new Map() };
        for (const aggregate of aggregates) {
          const key = traffic.keyOf(aggregate);
          chunkOf.set(key, chunk);
          chunk.members.set(key, aggregate);
        }
        const [first] = aggregates;
        if (first !== undefined && aggregates.length < chunkSize) roomy.set(first.service, chunk);
      }
      if (beyond.length === 0) return;
      log.warn({ parts: beyond.length }, 'the traffic record is too large: its oldest parts go');
      // First record that they are gone: otherwise a crash in between would leave a record that claims to be complete.
      await table.set(lostKey, Object.fromEntries(cut));
      for (const { name } of beyond) await table.delete(name);
    },
    async flush() {
      const dirty = new Set<Chunk>();
      for (const [key, aggregate] of traffic.changes()) {
        const chunk = aggregate === undefined ? chunkOf.get(key) : place(key, aggregate);
        if (chunk === undefined) continue;
        if (aggregate === undefined) {
          chunk.members.delete(key);
          chunkOf.delete(key);
        } else {
          chunk.members.set(key, aggregate);
        }
        dirty.add(chunk);
      }
      for (const { name, members } of dirty) {
        // A full record is some hundred writes: streams get their turn between them.
        await setImmediate();
        try {
          if (members.size === 0) await table.delete(name);
          else await table.set(name, writeChunk([...members.values()]));
        } catch (reason) {
          log.error({ reason: String(reason) }, 'a part of the traffic record is not persisted');
        }
      }
      const lost = Object.fromEntries(traffic.lost());
      if (Object.keys(lost).length > 0) await table.set(lostKey, lost);
    },
  };
}

interface ChunkSize {
  readonly name: string;
  readonly service: string;
  readonly lastSeen: number;
  readonly bytes: number;
}

/** The newest chunks of each service, and in total, within the limits. */
function fitting(sizes: readonly ChunkSize[], serviceBytes: number, maxBytes: number) {
  const fit: ChunkSize[] = [];
  const beyond: ChunkSize[] = [];
  const of = new Map<string, number>();
  let all = 0;
  for (const size of sizes.toSorted((a, b) => b.lastSeen - a.lastSeen)) {
    const own = (of.get(size.service) ?? 0) + size.bytes;
    const fits = own <= serviceBytes && all + size.bytes <= maxBytes;
    (fits ? fit : beyond).push(size);
    if (!fits) continue;
    of.set(size.service, own);
    all += size.bytes;
  }
  return { fit, beyond };
}

export function readLost(value: Json): ReadonlyMap<string, number> {
  if (typeof value !== 'object' || value === null) return new Map();
  return new Map(Object.entries(value).flatMap(([name, at]) => (typeof at === 'number' ? [[name, at]] : [])));
}
