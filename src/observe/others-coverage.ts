// What other replicas know of the times in which proxies reported: their parts of the table that coverage.ts writes.
import type { Clock } from '../lib/clock.ts';
import type { Json, Table } from '../lib/table.ts';
import { cutKey, heartbeat, isOpen, portPrefix } from './coverage-keys.ts';
import { type OnMark, type WatchOthers, watchOthers } from './part-table.ts';
import { readNode, type StoredNode } from './stored-node.ts';

export interface OthersCoverage extends WatchOthers {
  /** Of the service, by node: what each of them has. */
  of(service: string): ReadonlyMap<string, readonly StoredNode[]>;
  /** The same of one node, whatever it served there. */
  ofNode(node: string): readonly StoredNode[];
  portSince(): ReadonlyMap<string, number>;
  /** Until when some of it was dropped; 0: nothing was. */
  cutAt(): number;
}

export interface OthersCoverageDeps {
  readonly table: Pick<Table, 'watch' | 'entries'>;
  readonly replica: string;
  /** Whether a replica runs: what one that died had not written yet is lost. Absent: only its silence tells. */
  readonly runs?: (replica: string) => boolean;
  /** Told once everything that was written before the mark is read. */
  readonly onMark?: OnMark;
  readonly clock: Clock;
}

/** A replica writes that all is well every 10 s: one that did not has no record since. */
const silentMs = 40_000;

export function createOthersCoverage(deps: OthersCoverageDeps): OthersCoverage {
  const { table, replica: own, runs = () => true, onMark, clock } = deps;
  const nodes = new Map<string, Map<string, StoredNode>>();
  const ports = new Map<string, ReadonlyMap<string, number>>();
  const beats = new Map<string, number>();
  const cuts = new Map<string, number>();
  const setPort = (replica: string, port: string, at: Json | undefined): void => {
    const next = new Map(ports.get(replica));
    if (typeof at === 'number') next.set(port, at);
    else next.delete(port);
    ports.set(replica, next);
  };
  const setNode = (replica: string, node: string, value: Json | undefined): void => {
    const stored = value === undefined ? undefined : readNode(value);
    const parts = nodes.get(node) ?? new Map<string, StoredNode>();
    if (stored === undefined) parts.delete(replica);
    else parts.set(replica, stored);
    if (parts.size === 0) nodes.delete(node);
    else nodes.set(node, parts);
  };
  const take = (replica: string, key: string, value: Json | undefined): void => {
    if (key === heartbeat) beats.set(replica, typeof value === 'number' ? value : 0);
    else if (key === cutKey) cuts.set(replica, typeof value === 'number' ? value : 0);
    else if (key.startsWith(portPrefix)) setPort(replica, key.slice(portPrefix.length), value);
    else setNode(replica, key, value);
  };
  const watched = watchOthers(table, own, take, onMark);
  const known = (parts: ReadonlyMap<string, StoredNode>): readonly StoredNode[] =>
    [...parts].map(([replica, stored]) => {
      const beat = beats.get(replica) ?? 0;
      const heard = runs(replica) && beat > clock.now() - silentMs;
      return heard || stored.goneAt !== undefined || isOpen(stored)
        ? stored
        : { ...stored, gaps: [...stored.gaps, [beat, null] as const] };
    });
  return {
    of(service) {
      const found = new Map<string, readonly StoredNode[]>();
      for (const [node, parts] of nodes) {
        if ([...parts.values()].some((stored) => stored.service === service)) found.set(node, known(parts));
      }
      return found;
    },
    ofNode: (node) => known(nodes.get(node) ?? new Map()),
    portSince() {
      const found = new Map<string, number>();
      for (const own of ports.values()) {
        for (const [port, at] of own) found.set(port, Math.min(at, found.get(port) ?? at));
      }
      return found;
    },
    cutAt: () => Math.max(0, ...cuts.values()),
    ...watched,
  };
}
