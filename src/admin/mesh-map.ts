// The mesh at one glance: services with their proxies, and who calls whom, declared and seen. Pure.
import { defaultPort } from '../lib/port-name.ts';
import type { FailedHandshakes } from '../observe/handshakes.ts';
import type { MeshIr, ServiceIr, ServiceKey } from '../policy/ir.ts';
import { serviceNamed } from '../policy/service-named.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { TrafficCount } from './wire.ts';
import type { EdgeState, MapAnswer, MapEdge, MapService } from './wire-map.ts';

export interface MeshMapOf {
  readonly revision: number;
  /** Absent: nothing is in force. */
  readonly mesh: MeshIr | undefined;
  readonly traffic: readonly TrafficCount[];
  readonly callerSide: readonly CallerSide[];
  readonly handshakes: readonly FailedHandshakes[];
  readonly proxies: readonly ProxyStatus[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/**
 * What the caller's own proxy knows of its calls. `failed`: those that it answered itself, as the called one could not be reached, or did
 * not answer: that one never saw them. `allowed`: the others, which count only where no proxy of the called service reports them.
 */
export interface CallerSide {
  readonly from: string;
  readonly to: string;
  /** If it has a name of its own. */
  readonly port?: string;
  readonly decision: 'failed' | 'allowed';
  readonly count: number;
  readonly lastSeen: number;
}

const recentMs = 5 * 60_000;
const maxEdges = 20_000;

export function meshMap({ revision, mesh, traffic, callerSide, handshakes, proxies, now }: MeshMapOf): MapAnswer {
  if (mesh === undefined) return { revision, recentMs, services: [], edges: [] };
  const counts = proxyCounts(proxies);
  const failed = handshakeCounts(handshakes);
  const services = [...mesh.services.values()].map((service) => rowOf(service, counts, failed));
  const edges = edgesOf(mesh, traffic, callerSide, now);
  const shown = edges.length <= maxEdges ? edges : edges.toSorted(byLastSeen).slice(0, maxEdges);
  const omitted = edges.length - shown.length;
  return { revision, recentMs, services, edges: shown, ...(omitted === 0 ? {} : { omitted }) };
}

function rowOf(
  { key, name, cell, spiffeId, external, mtls, ports, source }: ServiceIr,
  counts: ReadonlyMap<string, MapService['proxies']>,
  failed: ReadonlyMap<string, NonNullable<MapService['handshakes']>>,
): MapService {
  const handshakes = failed.get(key);
  return {
    ...{ service: key, name, spiffeId, mtls: mtls.mode, source },
    ...(cell === undefined ? {} : { cell: cell.name }),
    ...(external === undefined ? {} : { external }),
    ports: ports.map(({ port, protocol }) => ({ name: port, protocol })),
    policies: [...new Set(ports.flatMap(({ authorization }) => authorization.policies))],
    proxies: counts.get(key) ?? none,
    ...(handshakes === undefined ? {} : { handshakes }),
  };
}

const none: MapService['proxies'] = { connected: 0, held: 0, gone: 0, rejecting: 0, silent: 0 };

function proxyCounts(proxies: readonly ProxyStatus[]): ReadonlyMap<string, MapService['proxies']> {
  const counts = new Map<string, { -readonly [K in keyof MapService['proxies']]: number }>();
  for (const proxy of proxies) {
    if (proxy.service === undefined) continue;
    const count = counts.get(proxy.service) ?? { ...none };
    counts.set(proxy.service, count);
    count[proxy.state] += 1;
    if (proxy.state !== 'connected') continue;
    if (proxy.withheld !== undefined || proxy.types.some(({ nack }) => nack !== undefined)) count.rejecting += 1;
    if (proxy.applicationState?.answers === false) count.silent += 1;
  }
  return counts;
}

function handshakeCounts(
  handshakes: readonly FailedHandshakes[],
): ReadonlyMap<string, NonNullable<MapService['handshakes']>> {
  const found = new Map<string, { count: number; lastSeen: number }>();
  for (const { service, caller, count, lastSeen } of handshakes) {
    if (!caller) continue;
    const before = found.get(service);
    found.set(service, {
      count: count + (before?.count ?? 0),
      lastSeen: Math.max(lastSeen, before?.lastSeen ?? 0),
    });
  }
  return found;
}

interface Sum {
  readonly from: string;
  readonly to: string;
  readonly port?: string;
  declared: boolean;
  allowed: number;
  failed: number;
  denied: number;
  unproven: number;
  wouldBeDenied: number;
  lastSeen: number;
  /** Of what was seen recently, and of what was seen last. */
  worst: EdgeState;
  last: EdgeState;
}

function edgesOf(
  mesh: MeshIr,
  traffic: readonly TrafficCount[],
  callerSide: readonly CallerSide[],
  now: number,
): readonly MapEdge[] {
  const sums = new Map<string, Sum>();
  const sumOf = (from: string, to: string, port: string | undefined): Sum => {
    // What is declared names every port, what was seen only those with a name.
    const named = port === defaultPort ? undefined : port;
    const key = JSON.stringify([from, to, named]);
    const known = sums.get(key);
    if (known !== undefined) return known;
    const sum: Sum = {
      ...{ from, to, declared: false, allowed: 0, failed: 0, denied: 0, unproven: 0, wouldBeDenied: 0, lastSeen: 0 },
      ...{ worst: 'unseen', last: 'unseen' },
      ...(named === undefined ? {} : { port: named }),
    };
    sums.set(key, sum);
    return sum;
  };
  for (const service of mesh.services.values()) {
    for (const { target, port } of service.dependsOn) {
      sumOf(service.key, target, portName(mesh, target, port)).declared = true;
    }
  }
  for (const row of traffic) add(sumOf(callerOf(mesh, row), row.service, row.port), row, now);
  for (const { from, to, port, ...counted } of callerSide) {
    // Of services that no document names any more, nothing is shown.
    if (serviceNamed(mesh, to) === undefined) continue;
    const sum = sumOf(from, to, port);
    if (counted.decision === 'failed' || sum.allowed + sum.denied === 0) add(sum, { ...counted, caller: 'mtls' }, now);
  }
  return [...sums.values()].map(({ worst, last, lastSeen, ...sum }) => ({
    ...sum,
    state: worst === 'unseen' ? last : worst,
    recent: worst !== 'unseen',
    ...(lastSeen === 0 ? {} : { lastSeen }),
  }));
}

type Counted = Pick<TrafficCount, 'decision' | 'caller' | 'shadow' | 'count' | 'lastSeen'>;

function add(sum: Sum, { decision, caller, shadow, count, lastSeen }: Counted, now: number): void {
  sum[decision] += count;
  if (caller !== 'mtls') sum.unproven += count;
  if (shadow?.decision === 'denied' && decision !== 'denied') sum.wouldBeDenied += count;
  const state = stateOf(decision, caller);
  if (lastSeen > now - recentMs) sum.worst = worse(sum.worst, state);
  if (lastSeen > sum.lastSeen) sum.last = state;
  else if (lastSeen === sum.lastSeen) sum.last = worse(sum.last, state);
  sum.lastSeen = Math.max(sum.lastSeen, lastSeen);
}

function stateOf(decision: TrafficCount['decision'], caller: TrafficCount['caller']): EdgeState {
  if (decision === 'denied') return 'refused';
  if (decision === 'failed') return 'failing';
  return caller === 'mtls' ? 'allowed' : 'plaintext';
}

const order: readonly EdgeState[] = ['unseen', 'allowed', 'plaintext', 'failing', 'refused'];

function worse(a: EdgeState, b: EdgeState): EdgeState {
  return order.indexOf(a) >= order.indexOf(b) ? a : b;
}

/** A service, if one of the mesh called; else what is known of the caller. */
function callerOf({ serviceOf }: MeshIr, { caller, principal }: TrafficCount): string {
  if (principal === undefined) return caller;
  const services: ReadonlyMap<string, ServiceKey> = serviceOf;
  return services.get(principal) ?? principal;
}

function portName({ services }: MeshIr, target: ServiceKey, port: string): string | undefined {
  return services.get(target)?.ports.find(({ id }) => id === port)?.port;
}

function byLastSeen(a: MapEdge, b: MapEdge): number {
  return (b.lastSeen ?? 0) - (a.lastSeen ?? 0);
}
