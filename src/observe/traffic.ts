// Who calls whom, and how: access-log entries folded into bounded counts. Never bodies, paths or query strings.
import type { Clock } from '../lib/clock.ts';

/** How a caller came: without TLS, with TLS but no certificate, with a legacy CA's certificate, with an SVID of the mesh. */
export type CallerClass = 'plaintext' | 'one-way-tls' | 'legacy' | 'mtls';

export interface Call {
  readonly service: string;
  readonly caller: CallerClass;
  /** SPIFFE ID, for `mtls` only. */
  readonly principal?: string;
  readonly decision: 'allowed' | 'refused';
  /** The RBAC policy that refused, if one did. */
  readonly policy?: string;
}

export interface TrafficCount extends Call {
  readonly count: number;
  /** Epoch milliseconds. */
  readonly lastSeen: number;
}

export interface Traffic {
  record(call: Call, count?: number): void;
  counts(): readonly TrafficCount[];
}

export interface TrafficOptions {
  readonly clock: Clock;
  /** Most distinct aggregates kept; the one not seen for longest goes first. Default 20,000. */
  readonly maxAggregates?: number;
}

export function createTraffic({ clock, maxAggregates = 20_000 }: TrafficOptions): Traffic {
  // In order of last sight: an aggregate that is seen again moves to the end.
  const aggregates = new Map<string, TrafficCount>();
  return {
    record(call, count = 1) {
      const key = JSON.stringify([call.service, call.caller, call.principal, call.decision, call.policy]);
      const before = aggregates.get(key);
      aggregates.delete(key);
      aggregates.set(key, { ...call, count: (before?.count ?? 0) + count, lastSeen: clock.now() });
      if (aggregates.size <= maxAggregates) return;
      for (const oldest of aggregates.keys()) {
        aggregates.delete(oldest);
        return;
      }
    },
    counts: () => [...aggregates.values()],
  };
}
