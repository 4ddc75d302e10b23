// What is answered about how calls went: recorded signals, with the names and the dependencies of the documents in force. Pure.

import { defined } from '../lib/defined.ts';
import type { FailedHandshakes } from '../observe/handshakes.ts';
import type { MeshIr, PortIr } from '../policy/ir.ts';
import { ownerOf, serviceNamed } from '../policy/service-named.ts';
import type { EdgeSignals, SignalsFound } from '../signals/read-signals.ts';
import type { Signals } from '../signals/signals.ts';
import { quantiles, relativeError } from '../signals/sketch.ts';
import type { RecordReader } from './deps.ts';
import type { EdgeRow, EdgeSignalsAnswer, SignalsAnswer } from './wire-signals.ts';

export interface SignalsAsked {
  /** Keys of services. Absent: any. */
  readonly service?: string;
  /** A service's key, or a SPIFFE ID. */
  readonly caller?: string;
  readonly series: boolean;
  readonly now: number;
}

export interface SignalsKnown {
  readonly found: SignalsFound;
  readonly mesh: MeshIr | undefined;
  readonly handshakes: readonly FailedHandshakes[];
  readonly coverage: RecordReader['coverage'];
}

const maxEdges = 10_000;

/** A step for some edges. */
export function* answerSignals(
  asked: SignalsAsked,
  { found, mesh, handshakes, coverage }: SignalsKnown,
): Generator<undefined, SignalsAnswer> {
  const rows = new Map<string, EdgeRow>();
  const put = (row: EdgeRow): void => {
    const key = keyOf(row);
    const before = rows.get(key);
    rows.set(key, before === undefined ? row : { ...before, ...row, declared: before.declared || row.declared });
  };
  for (const declared of declaredEdges(mesh)) put(declared);
  const groups = new Map<string, Readonly<Record<string, number>>>();
  const connections = connectionsIn(found);
  for (const one of found.edges) {
    if (one.edge.side === 'listener') groups.set(one.edge.service, Object.fromEntries(one.signals.tls));
    const row = rowOf(one, { mesh, series: asked.series, connections });
    if (row !== undefined) put(row);
    yield;
  }
  const wanted = [...rows.values()].filter((row) => isWanted(row, asked));
  const services = new Set(wanted.map(({ service }) => service));
  if (asked.service !== undefined) services.add(asked.service);
  return {
    since: found.since,
    until: asked.now,
    step: found.level,
    relativeError,
    edges: wanted.toSorted((a, b) => callsOf(b) - callsOf(a)).slice(0, maxEdges),
    edgeCount: wanted.length,
    services: [...services].map((service) => {
      const known = coverage(service, found.since);
      return {
        service,
        ...defined({ since: known.since, dropped: found.dropped.get(service), groups: groups.get(service) }),
        unknown: [...known.gaps],
        handshakes: handshakes.filter((one) => one.service === service && one.lastSeen >= found.since),
      };
    }),
  };
}

/** Services whose proxies have something to say about these edges; undefined: any may. */
export function reportersOf(
  { service, caller }: Pick<SignalsAsked, 'service' | 'caller'>,
  mesh: MeshIr | undefined,
): ReadonlySet<string> | undefined {
  if (service === undefined) return undefined;
  const ports: readonly PortIr[] = (mesh && serviceNamed(mesh, service)?.ports) ?? [];
  const callers = ports.flatMap(({ id }) => mesh?.callers.get(id) ?? []).map(({ key }) => key);
  return new Set<string>([service, ...callers, ...(caller === undefined ? [] : [caller])]);
}

function* declaredEdges(mesh: MeshIr | undefined): Generator<EdgeRow> {
  for (const [port, callers] of mesh?.callers ?? []) {
    for (const { key, spiffeId } of callers) {
      yield { ...placeOf(port), caller: 'mtls', callerService: key, principal: spiffeId, declared: true };
    }
  }
}

interface RowContext {
  readonly mesh: MeshIr | undefined;
  readonly series: boolean;
  readonly connections: Connections;
}

/** By who calls which port: how many TLS connections by group. */
type Connections = ReadonlyMap<string, Readonly<Record<string, number>>>;

function connectionsIn({ edges }: SignalsFound): Connections {
  return new Map(
    edges.flatMap(({ edge, signals }) =>
      edge.side === 'connections' ? [[`${edge.service} ${edge.target}`, Object.fromEntries(signals.tls)]] : [],
    ),
  );
}

/** Undefined for what does not say who called whom. */
function rowOf(
  { edge, signals, periods }: EdgeSignals,
  { mesh, series, connections }: RowContext,
): EdgeRow | undefined {
  const answer: EdgeSignalsAnswer = {
    ...wireSignals(signals),
    ...(series ? { series: periods.map(({ at, signals: of }) => ({ at, ...inPeriod(of) })) } : {}),
  };
  if (edge.side === 'listener' || edge.side === 'connections') return undefined;
  if (edge.side !== 'inbound') {
    const { service, target } = edge;
    if (target === undefined) return undefined;
    const principal = mesh && serviceNamed(mesh, service)?.spiffeId;
    const caller = { caller: 'mtls', callerService: service, ...defined({ principal }) } as const;
    const place = { ...placeOf(target), ...caller, declared: false };
    if (edge.side === 'outbound') return { ...place, outbound: answer };
    return { ...place, callerSide: callerSideOf(answer, connections.get(`${service} ${target}`) ?? {}) };
  }
  const { side: _, ...own } = edge;
  const callerService = edge.principal === undefined ? undefined : mesh && ownerOf(mesh, edge.principal);
  const crowd = edge.principal === undefined && edge.peer === undefined && edge.token === undefined;
  return {
    ...{ ...own, ...defined({ callerService }), declared: false, inbound: answer },
    ...(crowd ? { crowd: true as const } : {}),
  };
}

/** What Envoy's counters say; of flags and decisions they say nothing. */
function callerSideOf(
  { calls, classes, received, sent, latency, lastSeen, series }: EdgeSignalsAnswer,
  groups: Readonly<Record<string, number>>,
): NonNullable<EdgeRow['callerSide']> {
  return { calls, classes, received, sent, groups, lastSeen, ...defined({ latency, series }) };
}

/** Of the key of a port. */
function placeOf(port: string): Pick<EdgeRow, 'service' | 'port'> {
  const [service = port, name] = port.split(':');
  return { service, ...defined({ port: name }) };
}

function keyOf({ service, port, caller, callerService, principal, token, peer }: EdgeRow): string {
  // A caller with a service is the same edge, whichever end reports it.
  return JSON.stringify([service, port, caller, callerService ?? principal, token, peer]);
}

function isWanted({ service, callerService, principal }: EdgeRow, asked: SignalsAsked): boolean {
  if (asked.service !== undefined && service !== asked.service) return false;
  return asked.caller === undefined || callerService === asked.caller || principal === asked.caller;
}

function callsOf({ inbound, outbound, callerSide }: EdgeRow): number {
  return Math.max((inbound?.calls ?? 0) + (outbound?.calls ?? 0), callerSide?.calls ?? 0);
}

function wireSignals({ calls, denied, failed, classes, flags, tls, received, sent, latency, lastSeen }: Signals) {
  const [none = 0, first = 0, second = 0, third = 0, fourth = 0, fifth = 0] = classes;
  const found = quantiles(latency, [0.5, 0.9, 0.95, 0.99, 1])?.map(rounded);
  const [p50 = 0, p90 = 0, p95 = 0, p99 = 0, max = 0] = found ?? [];
  return {
    ...{ calls, denied, failed, received, sent, lastSeen },
    classes: { none, '1xx': first, '2xx': second, '3xx': third, '4xx': fourth, '5xx': fifth },
    ...{ flags: Object.fromEntries(flags), tls: Object.fromEntries(tls) },
    ...(found === undefined ? {} : { latency: { p50, p90, p95, p99, max } }),
  };
}

function inPeriod({ calls, denied, failed, classes, latency }: Signals) {
  const [p50, p99] = quantiles(latency, [0.5, 0.99])?.map(rounded) ?? [];
  return { calls, denied, failed, errors: classes[5] ?? 0, ...defined({ p50, p99 }) };
}

/** To three digits: the error is larger than what is cut. */
function rounded(ms: number): number {
  return Number(ms.toPrecision(3));
}
