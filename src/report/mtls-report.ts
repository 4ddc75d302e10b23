// The mTLS coverage report: which edges of the mesh used mTLS within a time, which did not, and of what nothing is known. It is made of
// the record of traffic and of its gaps, and claims nothing beyond them: what was not seen, or could not be, is never "secure". Pure.

import { defined } from '../lib/defined.ts';
import type { ServiceCoverage } from '../observe/coverage.ts';
import type { FailedHandshakes } from '../observe/handshakes.ts';
import type { TrafficCount } from '../observe/traffic-count.ts';
import type { MeshIr } from '../policy/ir.ts';
import { ownerOf, serviceNamed } from '../policy/service-named.ts';
import { type UnknownWindow, unknownMs, unknownWindows } from './unknown-windows.ts';

/**
 * `secure`: calls were seen, all of them mTLS, and the record has no gap in the whole time. `partly-known`: the same, but it has gaps.
 * `insecure`: calls without mTLS were seen. `unseen`: declared, nothing was seen, and the record has no gap. `unknown`: nothing was seen,
 * and it has gaps, or there is none.
 */
export type EdgeState = 'secure' | 'partly-known' | 'insecure' | 'unseen' | 'unknown';

export interface ReportEdge {
  readonly service: string;
  readonly port?: string;
  /** A service, a SPIFFE ID, or the way in which anonymous callers connected. */
  readonly caller: string;
  readonly connected: TrafficCount['caller'];
  /** A document says that the caller depends on this port. */
  readonly declared: boolean;
  readonly mode: 'permissive' | 'strict' | 'gone';
  readonly state: EdgeState;
  readonly calls: number;
  /** Of them, refused by policy. */
  readonly denied: number;
  /** Epoch milliseconds. */
  readonly lastSeen?: number;
}

/** Calls without mTLS from one address. */
export interface AnonymousCalls {
  readonly service: string;
  readonly port?: string;
  readonly connected: Exclude<TrafficCount['caller'], 'mtls'>;
  /** Address, or the subject of a legacy certificate; absent if there were too many to keep each. */
  readonly peer?: string;
  /** Issuer of the verified token that they sent. */
  readonly token?: string;
  readonly calls: number;
  readonly denied: number;
  readonly lastSeen: number;
}

export interface MtlsReport {
  readonly kind: 'mtls-coverage';
  readonly version: 1;
  readonly trustDomain: string;
  /** Epoch milliseconds, as all times. */
  readonly generatedAt: number;
  readonly since: number;
  readonly until: number;
  /** Of the documents in force at the end. */
  readonly revision: number;
  readonly madeBy: string;
  readonly totals: {
    readonly calls: number;
    readonly mtls: number;
    readonly plaintext: number;
    readonly oneWayTls: number;
    readonly legacy: number;
    readonly denied: number;
    /** By state. */
    readonly edges: Readonly<Record<EdgeState, number>>;
    /** Of all services together: how long something of the record is missing. */
    readonly unknownMs: number;
  };
  readonly edges: readonly ReportEdge[];
  readonly anonymous: readonly AnonymousCalls[];
  readonly unknown: readonly UnknownWindow[];
  /** Services with proxies whose log is not compared with Envoy's counters. */
  readonly notCrossChecked: readonly string[];
  /** How many proxies of a service left for good: what each told in its last moment may be missing. */
  readonly left: readonly { readonly service: string; readonly proxies: number }[];
  readonly handshakes: readonly FailedHandshakes[];
  readonly notes: readonly string[];
}

export interface ReportSources {
  readonly mesh: MeshIr;
  readonly revision: number;
  readonly since: number;
  readonly now: number;
  readonly madeBy: string;
  readonly counts: readonly TrafficCount[];
  readonly coverage: (service: string, since: number) => ServiceCoverage;
  readonly lostUntil: (service: string) => number;
  readonly handshakes: readonly FailedHandshakes[];
  /** Other control planes on the same store that did not tell what they have. */
  readonly silent: readonly string[];
}

const notes = [
  'Calls are counted by the proxy of the called service. What reaches an application around its proxy is not in this report.',
  'TCP connections, and requests, are counted when they end: what is still open is not in this report.',
  'Counts are of whole days (UTC): those of the first day may be slightly high.',
  'Services of other trust domains (external) are called from here; how they are called by others is not known.',
  'Of refused handshakes and calls that were no HTTP, the latest 200 of a service are kept, by address and reason.',
];

/** A step for some counts, or a service. */
export function* makeMtlsReport(sources: ReportSources): Generator<undefined, MtlsReport> {
  const { mesh, since, now, revision, madeBy, handshakes } = sources;
  const counts = sources.counts.filter(({ lastSeen }) => lastSeen >= since);
  const names = new Set([...mesh.services.keys(), ...counts.map(({ service }) => service)]);
  const coverage = new Map<string, ServiceCoverage>();
  for (const service of names) {
    coverage.set(service, sources.coverage(service, since));
    yield;
  }
  const unknown = [...names].flatMap((service) =>
    unknownWindows({
      ...{ service, since, external: serviceNamed(mesh, service)?.external === true, silent: sources.silent },
      ...{ coverage: coverage.get(service), lostUntil: sources.lostUntil(service) },
    }),
  );
  const gaps = new Set(unknown.map(({ service, port }) => portText(service, port)));
  const hasGap = (service: string, port?: string): boolean =>
    gaps.has(portText(service)) || gaps.has(portText(service, port));
  const edges = yield* edgesOf(mesh, counts, hasGap);
  const sum = (caller: TrafficCount['caller']): number => total(counts.filter((one) => one.caller === caller));
  const inState = (state: EdgeState): number => edges.filter((edge) => edge.state === state).length;
  return {
    ...{ kind: 'mtls-coverage', version: 1, trustDomain: mesh.trustDomain, generatedAt: now, since, until: now },
    ...{ revision, madeBy },
    totals: {
      ...{ calls: total(counts), mtls: sum('mtls'), plaintext: sum('plaintext'), oneWayTls: sum('one-way-tls') },
      ...{ legacy: sum('legacy'), denied: total(counts.filter(({ decision }) => decision === 'denied')) },
      edges: {
        ...{ secure: inState('secure'), 'partly-known': inState('partly-known'), insecure: inState('insecure') },
        ...{ unseen: inState('unseen'), unknown: inState('unknown') },
      },
      unknownMs: unknownMs(unknown, now),
    },
    edges,
    anonymous: yield* anonymousOf(counts),
    unknown,
    notCrossChecked: [...coverage].flatMap(([service, { notCrossChecked = [] }]) =>
      notCrossChecked.length > 0 ? [service] : [],
    ),
    left: [...coverage].flatMap(([service, { gone }]) => (gone.length > 0 ? [{ service, proxies: gone.length }] : [])),
    handshakes: handshakes.filter(({ lastSeen }) => lastSeen >= since),
    notes,
  };
}

type Building = Omit<ReportEdge, 'state'>;

function* edgesOf(
  mesh: MeshIr,
  counts: readonly TrafficCount[],
  hasGap: (service: string, port?: string) => boolean,
): Generator<undefined, readonly ReportEdge[]> {
  const found = new Map<string, Building>();
  const put = (edge: Building): void => {
    const key = JSON.stringify([edge.service, edge.port, edge.caller, edge.connected]);
    const before = found.get(key);
    if (before === undefined) return void found.set(key, edge);
    const lastSeen = Math.max(edge.lastSeen ?? 0, before.lastSeen ?? 0);
    found.set(key, {
      ...{ ...before, declared: before.declared || edge.declared },
      ...{ calls: before.calls + edge.calls, denied: before.denied + edge.denied },
      ...(lastSeen === 0 ? {} : { lastSeen }),
    });
  };
  for (const [portKey, callers] of mesh.callers) {
    const [service = '', port] = portKey.split(':');
    const mode = modeOf(mesh, service);
    for (const { key } of callers) {
      put({ service, ...defined({ port }), caller: key, connected: 'mtls', declared: true, mode, calls: 0, denied: 0 });
    }
  }
  for (const { service, port, caller, principal, count, decision, lastSeen } of counts) {
    yield;
    const owner = principal === undefined ? undefined : ownerOf(mesh, principal);
    put({
      ...{ service, ...defined({ port }), caller: owner ?? principal ?? caller, connected: caller, declared: false },
      ...{ mode: modeOf(mesh, service), calls: count, denied: decision === 'denied' ? count : 0, lastSeen },
    });
  }
  return [...found.values()]
    .map((edge) => ({ ...edge, state: stateOf(edge, hasGap(edge.service, edge.port)) }))
    .toSorted((a, b) => order(a, b));
}

function stateOf({ connected, calls }: Building, hasGap: boolean): EdgeState {
  if (connected !== 'mtls') return 'insecure';
  if (calls === 0) return hasGap ? 'unknown' : 'unseen';
  return hasGap ? 'partly-known' : 'secure';
}

function* anonymousOf(counts: readonly TrafficCount[]): Generator<undefined, readonly AnonymousCalls[]> {
  const found = new Map<string, AnonymousCalls>();
  for (const { service, port, caller, peer, token, count, decision, lastSeen } of counts) {
    if (caller === 'mtls') continue;
    yield;
    const key = JSON.stringify([service, port, caller, peer, token]);
    const before = found.get(key);
    found.set(key, {
      ...{ service, ...defined({ port }), connected: caller, ...defined({ peer, token }) },
      calls: count + (before?.calls ?? 0),
      denied: (decision === 'denied' ? count : 0) + (before?.denied ?? 0),
      lastSeen: Math.max(lastSeen, before?.lastSeen ?? 0),
    });
  }
  return [...found.values()].toSorted((a, b) => compare(a.service, b.service) || b.calls - a.calls);
}

function total(counts: readonly TrafficCount[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}

function modeOf(mesh: MeshIr, service: string): ReportEdge['mode'] {
  return serviceNamed(mesh, service)?.mtls.mode ?? 'gone';
}

export function portText(service: string, port?: string): string {
  return port === undefined ? service : `${service}:${port}`;
}

const states: readonly EdgeState[] = ['insecure', 'unknown', 'partly-known', 'unseen', 'secure'];

/** What needs somebody first. */
function order(a: ReportEdge, b: ReportEdge): number {
  return (
    states.indexOf(a.state) - states.indexOf(b.state) || compare(a.service, b.service) || compare(a.caller, b.caller)
  );
}

/** The same everywhere, whatever the locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
