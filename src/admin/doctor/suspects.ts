// Which edges there is reason to look into: those whose calls failed lately, and those with an end that is not well. Pure.
import type { FailedHandshakes } from '../../observe/handshakes.ts';
import type { MeshIr, ServiceIr } from '../../policy/ir.ts';
import { ownerOf } from '../../policy/service-named.ts';
import type { MapAnswer, MapEdge } from '../wire-map.ts';
import type { ProxyRow } from '../wire-proxies.ts';

export interface Suspect {
  /** As `doctor` is asked. */
  readonly caller: string;
  readonly target: string;
  readonly port?: string;
}

export interface SuspectsOf {
  readonly map: MapAnswer;
  readonly mesh: MeshIr | undefined;
  readonly rows: readonly ProxyRow[];
  readonly handshakes: readonly FailedHandshakes[];
  /** SPIFFE IDs that were refused an SVID lately: what their proxies show ends, if it has not. */
  readonly refused?: readonly string[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/** What failed last is the first; then, of each service, one caller after the other. */
export function suspectsOf({ map, mesh, rows, handshakes, refused = [], now }: SuspectsOf): readonly Suspect[] {
  if (mesh === undefined) return [];
  const failing = map.edges
    .filter(({ state, recent }) => recent && (state === 'refused' || state === 'failing'))
    .toSorted((a, b) => (b.lastSeen ?? 0) - (a.lastSeen ?? 0));
  const lately = handshakes.filter(({ lastSeen }) => lastSeen > now - map.recentMs);
  const ill = illServices(mesh, rows, now);
  for (const { service, caller } of lately) if (caller) ill.add(service);
  for (const id of refused) {
    const service = ownerOf(mesh, id);
    if (service !== undefined) ill.add(service);
  }
  const known = new Set(failing.map(edgeId));
  const atIllEnds = map.edges.filter((edge) => {
    return edge.declared && !known.has(edgeId(edge)) && (ill.has(edge.from) || ill.has(edge.to));
  });
  const anonymous = anonymousOf(lately).filter(
    (one) => !known.has(edgeId({ ...one, from: one.caller, to: one.target })),
  );
  return [...failing.map(suspectOf), ...anonymous, ...oneOfEachFirst(atIllEnds).map(suspectOf)];
}

function edgeId({ from, to, port = '' }: Pick<MapEdge, 'from' | 'to' | 'port'>): string {
  return `${from}\n${to}\n${port}`;
}

/** Callers that did not come as far as a call: how they connected is known by what their handshakes failed of. */
function anonymousOf(handshakes: readonly FailedHandshakes[]): readonly Suspect[] {
  const found = new Map<string, Suspect>();
  for (const { service, port, why } of handshakes) {
    const caller = howBy(why);
    if (caller === undefined) continue;
    const suspect = { caller, target: service, ...(port === undefined ? {} : { port }) };
    found.set(JSON.stringify(suspect), suspect);
  }
  return [...found.values()];
}

/** In the words of `observe`. */
function howBy(why: string): 'plaintext' | 'one-way-tls' | undefined {
  if (why.endsWith('where TLS is needed')) return 'plaintext';
  return why.startsWith('it presented no certificate') ? 'one-way-tls' : undefined;
}

function suspectOf({ from, to, port }: MapEdge): Suspect {
  return { caller: from, target: to, ...(port === undefined ? {} : { port }) };
}

/** So that a service with a thousand callers leaves room for others. */
function oneOfEachFirst(edges: readonly MapEdge[]): readonly MapEdge[] {
  const counts = new Map<string, number>();
  const ranked = edges.map((edge) => {
    const rank = counts.get(edge.to) ?? 0;
    counts.set(edge.to, rank + 1);
    return { edge, rank };
  });
  return ranked.toSorted((a, b) => a.rank - b.rank).map(({ edge }) => edge);
}

/** Those of whose proxies one is not well, or none is there. */
function illServices({ services }: MeshIr, rows: readonly ProxyRow[], now: number): Set<string> {
  const ill = new Set<string>();
  const there = new Set<string>();
  for (const row of rows) {
    if (row.service === undefined) continue;
    if (row.state === 'connected') there.add(row.service);
    if (isIll(row, now)) ill.add(row.service);
  }
  for (const service of services.values()) if (needsProxy(service) && !there.has(service.key)) ill.add(service.key);
  return ill;
}

function needsProxy({ external, ports, dependsOn }: ServiceIr): boolean {
  if (external === true) return false;
  return dependsOn.length > 0 || ports.some(({ endpoints }) => endpoints.kind === 'sidecars');
}

/** A clock may be off by so much without a certificate that is not valid yet, or not any more. */
const clockMs = 60_000;

function isIll(row: ProxyRow, now: number): boolean {
  // One that is gone while others serve is not missed.
  if (row.state !== 'connected') return row.state === 'held';
  const { ready, types, withheld, outdated, takenPorts = [], certificate, clockOffsetMs = 0, ports = [] } = row;
  if (!ready || withheld !== undefined || outdated !== undefined || takenPorts.length > 0) return true;
  if (types.some(({ nack }) => nack !== undefined)) return true;
  if ((certificate?.notAfter ?? 0) <= now || Math.abs(clockOffsetMs) > clockMs) return true;
  return [row, ...ports].some(
    ({ notRegistered, applicationState }) => notRegistered !== undefined || applicationState?.answers === false,
  );
}
