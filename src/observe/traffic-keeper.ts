// Keeps the record of traffic in a table, so that it survives a restart: in chunks of some hundred aggregates of one service, of
// which only those that changed are written again.
import { setImmediate } from 'node:timers/promises';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';
import type { Aggregate, Traffic } from './traffic.ts';
import { readChunk, writeChunk } from './traffic-chunk.ts';

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
}

const chunkSize = 200;
const lostKey = '~lost';

interface Chunk {
  readonly name: string;
  readonly members: Map<string, Aggregate>;
}

export function createTrafficKeeper({ traffic, table, log }: TrafficKeeperDeps): TrafficKeeper {
  const chunkOf = new Map<string, Chunk>();
  /** The chunk of a service that still has room. */
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
      for (const { key: name, value } of await table.list()) {
        if (name === lostKey) {
          lost = readLost(value);
          // As an older version wrote it: of any service.
          if (typeof value === 'number') lostAnywhere = value;
        } else {
          const aggregates = readChunk(value);
          if (aggregates === undefined) log.warn({ chunk: name }, 'a part of the traffic record cannot be read');
          else found.push({ name, aggregates });
          if (Number.isSafeInteger(Number(name))) next = Math.max(next, Number(name) + 1);
        }
      }
      const all = found.flatMap(({ aggregates }) => aggregates);
      const old = lostAnywhere === 0 ? [] : all.map(({ service }) => [service, lostAnywhere] as const);
      traffic.restore(all, new Map([...old, ...lost]));
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
        // A full record is some hundred writes: streams have their turn between them.
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

function readLost(value: Json): ReadonlyMap<string, number> {
  if (typeof value !== 'object' || value === null) return new Map();
  return new Map(Object.entries(value).flatMap(([name, at]) => (typeof at === 'number' ? [[name, at]] : [])));
}
