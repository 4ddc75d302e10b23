// Calls of each edge (caller, service) since the start, for Prometheus: what access logs told, as counters that only grow. Bounded, as
// callers may be many.
import { Counter, type Registry } from 'prom-client';
import type { Traffic } from './traffic.ts';
import type { Call } from './traffic-count.ts';

export interface EdgeFigure {
  /** The SPIFFE ID of the caller, or how an anonymous one connected. */
  readonly source: string;
  readonly destination: string;
  readonly decision: Call['decision'];
  readonly count: number;
}

export interface EdgeCalls {
  see(call: Pick<Call, 'service' | 'caller' | 'principal' | 'decision'>, count: number): void;
  figures(): readonly EdgeFigure[];
}

/**
 * Series; calls beyond them have the source `other`. Of one destination, too: what its proxy reports, true or not, takes the place of no
 * other's.
 */
const [mostSeries, mostOfOne] = [2000, 400];

export function createEdgeCalls(): EdgeCalls {
  const edges = new Map<string, { readonly figure: Omit<EdgeFigure, 'count'>; count: number }>();
  const seriesOf = new Map<string, number>();
  const find = (figure: Omit<EdgeFigure, 'count'>) => {
    const key = `${figure.source} ${figure.destination} ${figure.decision}`;
    const known = edges.get(key);
    if (known !== undefined) return known;
    const own = seriesOf.get(figure.destination) ?? 0;
    if ((edges.size >= mostSeries || own >= mostOfOne) && figure.source !== 'other') return undefined;
    const made = { figure, count: 0 };
    edges.set(key, made);
    seriesOf.set(figure.destination, own + 1);
    return made;
  };
  return {
    see({ service, caller, principal, decision }, count) {
      const figure = { source: principal ?? caller, destination: service, decision };
      const edge = find(figure) ?? find({ ...figure, source: 'other' });
      if (edge !== undefined) edge.count += count;
    },
    figures: () => [...edges.values()].map(({ figure, count }) => ({ ...figure, count })),
  };
}

/** Whatever is recorded is counted as well. */
export function countEdges(traffic: Traffic, edges: Pick<EdgeCalls, 'see'>): Traffic {
  return {
    ...traffic,
    record(call, count = 1) {
      edges.see(call, count);
      traffic.record(call, count);
    },
  };
}

export function exportEdges(registry: Registry, read: EdgeCalls['figures']): void {
  new Counter({
    name: 'cellwall_edge_calls_total',
    help: 'Calls of a caller to a service, by decision: allowed, denied by policy, or failed, as its proxy reported them.',
    labelNames: ['source', 'destination', 'decision'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { count, ...labels } of read()) this.inc(labels, count);
    },
  });
}
