// The record of traffic of all replicas: each keeps and writes what its own proxies report, and reads the parts of the others.
import { defined } from '../lib/defined.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';
import { type OnMark, type WatchOthers, watchOthers } from './part-table.ts';
import { within } from './service-traffic.ts';
import type { Traffic } from './traffic.ts';
import { readChunk } from './traffic-chunk.ts';
import { type Aggregate, earliest, type TrafficCount } from './traffic-count.ts';
import { lostKey, readLost } from './traffic-keeper.ts';

export interface SharedTrafficDeps {
  readonly own: Traffic;
  /** All parts. */
  readonly table: Table;
  /** This one's. */
  readonly replica: string;
  /** Told once everything that was written before the mark is read. */
  readonly onMark?: OnMark;
  readonly log: Log;
  /** Of the others' parts as text; what is beyond counts as lost. Default 128 MiB. */
  readonly maxBytes?: number;
}

interface Part {
  readonly aggregates: readonly Aggregate[];
  readonly bytes: number;
}

/** `record`, `changes` and `restore` are this replica's own. */
export function shareTraffic(deps: SharedTrafficDeps): WatchOthers & { readonly traffic: Traffic } {
  const { own, table, replica: id, onMark, log, maxBytes = 128 * 1024 * 1024 } = deps;
  const parts = new Map<string, Part>();
  const lost = new Map<string, ReadonlyMap<string, number>>();
  let bytes = 0;
  const put = (name: string, part: Part | undefined): void => {
    bytes += (part?.bytes ?? 0) - (parts.get(name)?.bytes ?? 0);
    if (part === undefined) parts.delete(name);
    else parts.set(name, part);
  };
  const take = (replica: string, key: string, value: Json | undefined): void => {
    const name = `${replica}/${key}`;
    if (key === lostKey) {
      lost.set(replica, value === undefined ? new Map() : readLost(value));
      return;
    }
    const aggregates = value === undefined ? undefined : readChunk(value);
    put(name, undefined);
    if (aggregates === undefined) return;
    const size = JSON.stringify(value).length;
    if (bytes + size <= maxBytes) {
      put(name, { aggregates, bytes: size });
      return;
    }
    log.warn({ replica }, 'the traffic records of other control planes are too large: a part of them is not read');
    const until = new Map(lost.get(replica));
    for (const { service, lastSeen } of aggregates) until.set(service, Math.max(until.get(service) ?? 0, lastSeen));
    lost.set(replica, until);
  };
  const watched = watchOthers(table, id, take, onMark);
  /** What several recorded is one. */
  const merged = (since: number): readonly TrafficCount[] => {
    const found = new Map(own.counts(since).map((count) => [own.keyOf(count), count]));
    for (const { aggregates } of parts.values()) {
      for (const { days, ...call } of aggregates) {
        if (call.lastSeen < since) continue;
        const key = own.keyOf(call);
        const before = found.get(key);
        const count = since === 0 ? call.count : within(days, since);
        const lastSeen = Math.max(call.lastSeen, before?.lastSeen ?? 0);
        const firstSeen = earliest(call, before);
        found.set(key, { ...call, count: count + (before?.count ?? 0), lastSeen, ...defined({ firstSeen }) });
      }
    }
    return [...found.values()];
  };
  const lostUntil = (service: string): number =>
    Math.max(own.lostUntil(service), ...[...lost.values()].map((of) => of.get(service) ?? 0));
  const traffic: Traffic = {
    ...own,
    counts: (since = 0) => (parts.size === 0 ? own.counts(since) : merged(since)),
    calls: (since) => (parts.size === 0 ? own.calls(since) : merged(since)),
    lostUntil,
    lost() {
      const services = new Set([...own.lost().keys(), ...[...lost.values()].flatMap((of) => [...of.keys()])]);
      return new Map([...services].map((service) => [service, lostUntil(service)]));
    },
  };
  return { ...watched, traffic };
}
