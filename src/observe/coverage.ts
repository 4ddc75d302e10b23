// During which times the record of traffic is complete: a proxy that is not connected to the control plane cannot report what it sees, so
// the times when one was not are kept. Fed by the stream server; persisted, so that a restart is recorded as such a time, too.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { MissingInLog } from '../lib/missing-in-log.ts';
import type { Json, Table } from '../lib/table.ts';
import { cutKey, heartbeat, isOpen, keptMs, lateMs, portPrefix } from './coverage-keys.ts';
import { mergeNodes } from './merge-nodes.ts';
import { instead, newestGaps, ofGone } from './newest-gaps.ts';
import type { OthersCoverage } from './others-coverage.ts';
import { readNode, type StoredGap, type StoredNode } from './stored-node.ts';
import { withMissing } from './with-missing.ts';

/** A time in which calls of the service may be missing in the record. Epoch milliseconds. */
export interface Gap {
  readonly node: string;
  readonly from: number;
  /** Absent: it still lasts. */
  readonly to?: number;
  /** Absent: the proxy was not connected. */
  readonly missing?: MissingInLog;
}

export interface ServiceCoverage {
  /** When its first proxy was first seen; undefined: none was. */
  readonly since?: number;
  /** Its named ports, and since when each has had a proxy in front of it. */
  readonly ports: readonly { readonly name: string; readonly since: number }[];
  /** Gaps of present proxies, since the requested time; surpluses of Envoy's counters also for those that are gone. */
  readonly gaps: readonly Gap[];
  /** Proxies that are connected and whose counters are not compared with their log. Absent: not checked. */
  readonly notCrossChecked?: readonly string[];
  /** Proxies that left for good since then: what they reported last may be missing. */
  readonly gone: readonly string[];
  /** For reports: times in which proxies that are gone by now were not connected, but for the last moment of one that said goodbye. */
  readonly goneGaps?: readonly Gap[];
  /** Until when more gaps were forgotten, as there were too many. Absent: none were. */
  readonly forgotUntil?: number;
}

export interface Coverage {
  /** Reads what was kept. Call once, first. */
  restore(): Promise<void>;
  connected(node: string, service: string): void;
  disconnected(node: string): void;
  /** Only its log stream broke. */
  broken(node: string): void;
  /** Its counters had more than its log reported. */
  missing(node: string, from: number, to: number, missing: MissingInLog): void;
  /** It did not come back: considered ended. */
  gone(node: string): void;
  /** After a restart: proxies that are not known elsewhere ended in the meantime. */
  settle(isThere: (node: string) => boolean): void;
  /** Which ports (by their keys) have proxies in front of them now; others are forgotten if documents no longer have them. */
  serves(ports: ReadonlySet<string>, isPort: (key: string) => boolean): void;
  of(service: string, since: number): ServiceCoverage;
  /** Proxies of the service that are connected. */
  present(service: string): readonly string[];
  /** Records in the table that all is well until now: after a crash, the time from here on is unknown. */
  flush(): Promise<void>;
}

export interface CoverageDeps {
  readonly table: Table;
  /** What other replicas have: absent if there are none. */
  readonly others?: OthersCoverage;
  readonly clock: Clock;
  readonly log: Log;
  /** How much of the table is read at most: rows, and bytes of their values as text. What is beyond is forgotten. */
  readonly maxRows?: number;
  readonly maxBytes?: number;
}

/** Entries wait this long on a proxy. */
const flushMs = 1000;
/** Of a service, those that are gone. */
const maxGone = 500;
const mebibyte = 1024 * 1024;

/** Knows nothing before `restore`. What cannot be written is logged, and kept in memory. */
export function createCoverage(deps: CoverageDeps): Coverage {
  const { table, others, clock, log, maxRows = 50_000, maxBytes = 32 * mebibyte } = deps;
  let cutAt: number | undefined;
  const nodes = new Map<string, StoredNode>();
  const streams = new Map<string, number>();
  const portSince = new Map<string, number>();

  const put = (node: string, value: StoredNode): void => {
    nodes.set(node, value);
    table
      .set(node, toJson(value))
      .catch((reason: unknown) => log.error({ node, reason: String(reason) }, 'not persisted'));
  };
  const open = (node: string, stored: StoredNode, from: number): void =>
    put(node, newestGaps(stored, [...stored.gaps, [from, null]]));
  /** Whether its stream has ended here, too, or is about to: one that is back reports that when it connects. */
  const gone = (node: string): void => {
    const stored = nodes.get(node);
    if (stored === undefined || stored.goneAt !== undefined) return;
    put(node, { ...stored, goneAt: clock.now() });
    // Whoever has an identity can invent names: those without missing entries are dropped first.
    const others = [...nodes].filter(([, { service, goneAt }]) => service === stored.service && goneAt !== undefined);
    if (others.length <= maxGone) return;
    const [oldest, dropped] =
      others.find(([, { gaps }]) => gaps.every(([, , missing]) => missing === undefined)) ?? others[0] ?? [];
    if (oldest === undefined || dropped === undefined) return;
    put(node, instead({ ...stored, goneAt: clock.now() }, dropped));
    drop(oldest);
  };
  const drop = (node: string): void => {
    nodes.delete(node);
    table.delete(node).catch(() => {});
  };
  const purge = (): void => {
    const old = clock.now() - keptMs;
    for (const [node, { goneAt }] of nodes) {
      if (goneAt === undefined || goneAt > old) continue;
      drop(node);
    }
  };
  /** Of the service, by node, with what other replicas have. */
  const nodesOf = (service: string): readonly (readonly [string, StoredNode])[] => {
    const own = [...nodes].filter(([, stored]) => stored.service === service);
    if (others === undefined) return own;
    const elsewhere = others.of(service);
    const found = new Map(own.map(([node, stored]) => [node, mergeNodes([stored, ...others.ofNode(node)])]));
    for (const [node, [first, ...rest]] of elsewhere) {
      const mine = nodes.get(node);
      if (first === undefined || found.has(node)) continue;
      found.set(node, mergeNodes([first, ...rest, ...(mine === undefined ? [] : [mine])]));
    }
    return [...found].filter(([, stored]) => stored.service === service);
  };
  const allPorts = (): ReadonlyMap<string, number> => {
    const found = new Map(portSince);
    for (const [port, at] of others?.portSince() ?? []) found.set(port, Math.min(at, found.get(port) ?? at));
    return found;
  };
  return {
    async restore() {
      const [beat, cut] = [await table.get(heartbeat), await table.get(cutKey)];
      if (typeof cut === 'number' && cut > clock.now() - keptMs) cutAt = cut;
      const beyond: string[] = [];
      let [bytes, keyBytes] = [0, 0];
      for await (const { key, value } of table.entries()) {
        if (key === heartbeat || key === cutKey) continue;
        if (key.startsWith(portPrefix)) {
          if (typeof value === 'number') portSince.set(key.slice(portPrefix.length), value);
          continue;
        }
        bytes += JSON.stringify(value).length;
        if (nodes.size >= maxRows || bytes > maxBytes) {
          keyBytes += key.length;
          if (keyBytes <= maxBytes) beyond.push(key);
          continue;
        }
        const stored = readNode(value);
        if (stored !== undefined) nodes.set(key, stored);
      }
      for (const [key, stored] of [...nodes]) {
        if (stored.goneAt === undefined && !isOpen(stored)) open(key, stored, typeof beat === 'number' ? beat : 0);
      }
      if (beyond.length === 0) return;
      log.error(
        { rows: beyond.length },
        'there is more of the times without a record than is read: all before now are unknown',
      );
      // First record that they are gone, and from which service: otherwise what they reported would be lost without notice.
      cutAt = clock.now();
      await table.set(cutKey, cutAt);
      for (const key of beyond) await table.delete(key);
    },
    connected(node, service) {
      streams.set(node, (streams.get(node) ?? 0) + 1);
      const { goneAt: _, ...stored } = nodes.get(node) ?? { service, since: clock.now(), gaps: [] };
      const last = stored.gaps.at(-1);
      const gaps =
        last?.[1] === null ? [...stored.gaps.slice(0, -1), [last[0], clock.now()] as const] : [...stored.gaps];
      put(node, { ...stored, service, gaps });
    },
    disconnected(node) {
      const left = (streams.get(node) ?? 1) - 1;
      if (left > 0) {
        streams.set(node, left);
        return;
      }
      streams.delete(node);
      const stored = nodes.get(node);
      if (stored !== undefined && !isOpen(stored)) open(node, stored, clock.now() - lateMs);
    },
    broken(node) {
      const stored = nodes.get(node);
      if (stored === undefined || isOpen(stored)) return;
      const gap = [clock.now() - flushMs, clock.now()] as const;
      put(node, newestGaps(stored, [...stored.gaps, gap]));
    },
    missing(node, from, to, missing) {
      const stored = nodes.get(node);
      if (stored === undefined) return;
      put(node, newestGaps(stored, withMissing(stored.gaps, from, to, missing)));
    },
    gone,
    settle(isThere) {
      for (const node of nodes.keys()) if (!isThere(node)) gone(node);
    },
    serves(ports, isPort) {
      for (const port of ports) {
        if (portSince.has(port)) continue;
        portSince.set(port, clock.now());
        table
          .set(portPrefix + port, clock.now())
          .catch((reason: unknown) => log.error({ port, reason: String(reason) }, 'not persisted'));
      }
      for (const port of [...portSince.keys()].filter((key) => !isPort(key))) {
        portSince.delete(port);
        table.delete(portPrefix + port).catch(() => {});
      }
    },
    of(service, since) {
      const own = nodesOf(service);
      const first = Math.min(...own.map(([, stored]) => stored.since));
      const cut = Math.max(cutAt ?? 0, others?.cutAt() ?? 0);
      return {
        ...(own.length === 0 && cut === 0 ? {} : { since: own.length === 0 ? cut : Math.max(first, cut) }),
        ports: [...allPorts()]
          .filter(([key]) => key.startsWith(`${service}:`))
          .map(([key, first]) => ({ name: key.slice(service.length + 1), since: first })),
        gaps: own.flatMap(([node, { gaps, goneAt }]) =>
          gaps
            .filter(
              ([, to, missing]) => (to === null || to >= since) && (goneAt === undefined || missing !== undefined),
            )
            .map((gap) => asGap(node, gap)),
        ),
        gone: own.flatMap(([node, { goneAt }]) => (goneAt !== undefined && goneAt >= since ? [node] : [])),
        ...ofGone(own, since),
      };
    },
    present: (service) => [...streams.keys()].filter((node) => nodes.get(node)?.service === service),
    async flush() {
      purge();
      // It outlives what depends on it.
      await table.set(heartbeat, clock.now(), { ttlMs: 3 * keptMs });
    },
  };
}

function asGap(node: string, [from, to, missing]: StoredGap): Gap {
  return { node, from, ...(to === null ? {} : { to }), ...(missing === undefined ? {} : { missing }) };
}

function toJson(value: StoredNode): Json {
  const gaps = value.gaps.map(([from, to, missing]) => [from, to, ...(missing === undefined ? [] : [{ ...missing }])]);
  return { ...value, gaps };
}
