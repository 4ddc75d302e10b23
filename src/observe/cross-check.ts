// Compares Envoy's own counters with the record: each report of a proxy's helper is compared with what that proxy's access log reported.
// What the log certainly lacks becomes a gap of the record. docs/cut-over.md says what this can detect.
import type { Clock } from '../lib/clock.ts';
import type { EnvoyCounters } from '../lib/envoy-counters.ts';
import { CellwallError } from '../lib/errors.ts';
import type { MissingInLog } from '../lib/missing-in-log.ts';
import type { AllOutboundCounts } from '../lib/outbound-counts.ts';
import { type Bounds, type Comparison, compare, type Shortfall } from './compare-counters.ts';
import { createToldEntries, type ToldEntries } from './told-entries.ts';

/** The logs of an inbound listener: those of its HTTP or TCP chains, and the one for all its connections. */
export type InboundLogKind = 'mtls' | 'plain' | 'health' | 'tcp' | 'listener';

/**
 * `readAt`: epoch milliseconds of the proxy's host. `epoch` differs between runs of Envoy. `last`: it is about to
 * exit.
 */
export interface CounterReport {
  readonly epoch: string;
  readonly last: boolean;
  readonly readAt: number;
  readonly first: EnvoyCounters;
  readonly second: EnvoyCounters;
  /** TLS connections by key exchange group, in the second. Absent from an older helper. */
  readonly groups?: Readonly<Record<string, number>>;
  /** Calls to dependencies. Absent from an older helper. */
  readonly outbound?: AllOutboundCounts;
}

export interface Missing extends Shortfall {
  readonly what: MissingInLog['what'];
}

/** What is known about a proxy from its counters. */
export interface CrossChecked {
  /** Time of the last report. Epoch milliseconds. */
  readonly at: number;
  /** Envoy's count, since its start. */
  readonly counters: EnvoyCounters;
  /** Number of entries in its log, since its Envoy connected: requests for HTTP, connections for TCP. */
  readonly told: number;
}

export interface CrossCheck {
  /** What a proxy's log reported before does not count against it: nobody was listening. */
  connected(node: string): void;
  told(node: string, log: InboundLogKind, endedAt: readonly number[]): void;
  /**
   * `begunAt`: a monotonic time before the counters were read. Throws for a proxy that is not connected here, and for one that reports too
   * often.
   */
  report(node: string, report: CounterReport, begunAt: number): void;
  /** Undefined: its counters are not reported, or no longer. */
  of(node: string): CrossChecked | undefined;
  /** It left for good. */
  forget(node: string): void;
}

export interface CrossCheckDeps {
  readonly clock: Clock;
  readonly onMissing: (node: string, missing: Missing) => void;
  /** How long to wait for a proxy's last entries. Default 3000. */
  readonly graceMs?: number;
}

interface Check {
  readonly told: ToldEntries;
  comparison: Comparison;
}
interface Pending {
  readonly report: CounterReport;
  readonly toldBefore: ReadonlyMap<InboundLogKind, number>;
  /** Epoch milliseconds: before its counters were read, and when the report arrived. */
  readonly from: number;
  readonly to: number;
}
interface Node {
  checks: ReadonlyMap<InboundLogKind, Check>;
  epoch?: string;
  dropped: number;
  /** Monotonic: reports before this time are too frequent. */
  paidUntil: number;
  pending?: Pending;
  latest?: { readonly at: number; readonly counters: EnvoyCounters };
}

const kinds = ['mtls', 'plain', 'health', 'tcp', 'listener'] as const satisfies readonly InboundLogKind[];
/** Helpers report every ten seconds, at their end, and when Envoy has a new certificate: when an operator renews all, a few at once. */
const reportCostMs = 1000;
const burst = 8;
const staleMs = 60_000;

/** `graceMs`: milliseconds. `onMissing` is called only for entries that are certainly missing. */
export function createCrossCheck({ clock, onMissing, graceMs = 3000 }: CrossCheckDeps): CrossCheck {
  const nodes = new Map<string, Node>();
  const create = (): Node => ({
    checks: new Map(kinds.map((kind) => [kind, { told: createToldEntries(clock.monotonic), comparison: {} }])),
    dropped: 0,
    paidUntil: 0,
  });
  /** From here on the comparison starts again. */
  const restart = (node: Node): void => {
    node.checks = new Map([...node.checks].map(([kind, { told }]) => [kind, { told, comparison: {} }]));
    delete node.pending;
  };
  const judge = (name: string, checks: Node['checks'], pending: Pending): void => {
    const final = pending.report.last;
    for (const [kind, check] of checks) {
      const told = {
        least: pending.toldBefore.get(kind) ?? 0,
        most: final ? check.told.total() : check.told.awaited(),
      };
      const { report, from, to } = pending;
      const reading = { from, to, told, counted: endedOf(kind, report) };
      const { next, shortfall } = compare(check.comparison, reading, final);
      check.comparison = next;
      if (shortfall !== undefined) onMissing(name, { what: whatOf(kind), ...shortfall });
    }
  };
  const pay = (node: Node): void => {
    const now = clock.monotonic();
    const until = Math.max(now, node.paidUntil) + reportCostMs;
    if (until - now > burst * reportCostMs) {
      throw new CellwallError('resource_exhausted', 'counters are reported too often', { hint: 'every 10 s' });
    }
    node.paidUntil = until;
  };
  const lookForDropped = (name: string, node: Node, { second }: CounterReport): void => {
    const more = second.dropped - node.dropped;
    node.dropped = second.dropped;
    if (more <= 0) return;
    const to = clock.now();
    onMissing(name, { what: 'log entries', from: node.latest?.at ?? to, to, counted: more, told: 0 });
  };
  return {
    connected(name) {
      const node = nodes.get(name);
      if (node === undefined) nodes.set(name, create());
      else restart(node);
    },
    told: (name, log, endedAt) => nodes.get(name)?.checks.get(log)?.told.told(endedAt),
    report(name, report, begunAt) {
      const node = nodes.get(name);
      if (node === undefined) {
        throw new CellwallError('unavailable', 'this proxy is not connected to this control plane');
      }
      pay(node);
      if (node.epoch !== report.epoch) {
        restart(node);
        node.dropped = node.epoch === undefined ? report.second.dropped : 0;
        node.epoch = report.epoch;
      } else if (node.pending !== undefined) judge(name, node.checks, node.pending);
      lookForDropped(name, node, report);
      const to = clock.now();
      node.latest = { at: to, counters: report.second };
      const toldBefore = new Map([...node.checks].map(([kind, { told }]) => [kind, told.by(begunAt)] as const));
      const pending = { report, toldBefore, from: to - (clock.monotonic() - begunAt), to };
      for (const { told } of node.checks.values()) told.await(report.readAt);
      if (!report.last) {
        node.pending = pending;
        return;
      }
      const { checks } = node;
      restart(node);
      clock.after(graceMs, () => judge(name, checks, pending));
    },
    of(name) {
      const node = nodes.get(name);
      if (node?.latest === undefined || clock.now() - node.latest.at > staleMs) return undefined;
      const told = kinds.reduce(
        (sum, kind) => (kind === 'listener' ? sum : sum + (node.checks.get(kind)?.told.total() ?? 0)),
        0,
      );
      return { ...node.latest, told };
    },
    forget: (name) => void nodes.delete(name),
  };
}

/** Gauges and counters of two readings, so that what began or ended between them is counted on the safe side. */
function endedOf(kind: InboundLogKind, { first, second }: CounterReport): Bounds {
  const between = (total: keyof EnvoyCounters, active: keyof EnvoyCounters): Bounds => {
    return { least: first[total] - second[active], most: second[total] - first[active] };
  };
  switch (kind) {
    case 'mtls':
      return between('mtlsRequests', 'mtlsActive');
    case 'plain':
      return between('plainRequests', 'plainActive');
    case 'health':
      return between('healthRequests', 'healthActive');
    case 'listener':
      return between('connections', 'connectionsActive');
    case 'tcp':
      // Envoy does not count open ones per chain: those of the listener are at least as many.
      return { least: first.tcpConnections - second.connectionsActive, most: second.tcpConnections };
    default:
      return kind satisfies never;
  }
}

function whatOf(kind: InboundLogKind): Missing['what'] {
  return kind === 'tcp' || kind === 'listener' ? 'connections' : 'requests';
}
