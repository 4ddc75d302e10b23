// Who calls whom, with what, and how it was decided: access-log entries folded into bounded counts. Never bodies or query
// strings, and of paths no more than rules tell apart (policy/recorded-path.ts).
import type { Clock } from '../lib/clock.ts';
import type { CallerClass, RecordedCall } from '../policy/recorded-call.ts';
import { createPathKeys } from './path-keys.ts';

export type { CallerClass };

/** What the shadow policies would have decided, where it is not what was decided. */
export interface ShadowVerdict {
  readonly decision: 'allowed' | 'refused';
  /** The rule by its name on the proxy; absent when no shadow rule allowed it. */
  readonly policy?: string;
}

export interface Call extends Omit<RecordedCall, 'count' | 'lastSeen'> {
  /** The RBAC policy that decided, if one did. */
  readonly policy?: string;
  readonly shadow?: ShadowVerdict;
}

export interface TrafficCount extends Call {
  readonly count: number;
  /** Epoch milliseconds. */
  readonly lastSeen: number;
}

/** A count and how it spreads over days, as it is kept: `[day since the epoch, count]`, newest last. */
export interface Aggregate extends TrafficCount {
  readonly days: readonly (readonly [day: number, count: number])[];
}

export interface Traffic {
  record(call: Call, count?: number): void;
  /** What was seen since then, or ever. Counts are of whole days (UTC), so that they may be a little high. */
  counts(since?: number): readonly TrafficCount[];
  /** The same for replaying: one after the other, without a copy where none is needed. */
  calls(since: number): Iterable<TrafficCount>;
  /** When the youngest was last seen of those that went for lack of room; 0 if none did. What is older is incomplete. */
  lostUntil(): number;
  /** For keeping: what changed since the last time it was asked; `undefined` for what went. */
  changes(): ReadonlyMap<string, Aggregate | undefined>;
  /** Puts back what was kept. */
  restore(aggregates: Iterable<Aggregate>, lostUntil: number): void;
  /** What `changes` names it by. */
  keyOf(call: Call): string;
}

export interface TrafficOptions {
  readonly clock: Clock;
  /** Most distinct aggregates kept; the one not seen for longest goes first. Default 120,000. */
  readonly maxAggregates?: number;
}

const dayMs = 86_400_000;
const keptDays = 31;

export function createTraffic({ clock, maxAggregates = 120_000 }: TrafficOptions): Traffic {
  // In order of last sight: an aggregate that is seen again moves to the end.
  const aggregates = new Map<string, Aggregate>();
  const pathKeys = createPathKeys();
  let changed = new Set<string>();
  let lost = 0;

  const keyOf = (call: Call): string =>
    JSON.stringify([
      ...[call.service, call.caller, call.principal, call.token, call.peer, call.method, pathKeys.of(call.path)],
      ...[call.decision, call.policy, call.shadow?.decision, call.shadow?.policy],
    ]);
  const shrink = (): void => {
    const old = clock.now() - keptDays * dayMs;
    for (const [key, { lastSeen }] of aggregates) {
      const full = aggregates.size > maxAggregates;
      if (!full && lastSeen >= old) return;
      aggregates.delete(key);
      changed.add(key);
      if (full && lastSeen >= old) lost = Math.max(lost, lastSeen);
    }
  };
  const within = (days: Aggregate['days'], since: number): number => {
    const first = Math.floor(since / dayMs);
    return days.reduce((sum, [day, seen]) => (day >= first ? sum + seen : sum), 0);
  };
  return {
    *calls(since) {
      for (const aggregate of aggregates.values()) {
        if (aggregate.lastSeen < since) continue;
        const count = within(aggregate.days, since);
        yield count === aggregate.count ? aggregate : { ...aggregate, count };
      }
    },
    record(call, count = 1) {
      const key = keyOf(call);
      const before = aggregates.get(key);
      const now = clock.now();
      aggregates.delete(key);
      aggregates.set(key, {
        ...(before ?? { ...call, ...pathKeys.shared(call.path) }),
        count: (before?.count ?? 0) + count,
        lastSeen: now,
        days: addToDay(before?.days ?? [], Math.floor(now / dayMs), count),
      });
      changed.add(key);
      shrink();
    },
    counts(since = 0) {
      const found: TrafficCount[] = [];
      for (const { days, ...all } of aggregates.values()) {
        if (all.lastSeen < since) continue;
        found.push(since === 0 ? all : { ...all, count: within(days, since) });
      }
      return found;
    },
    lostUntil: () => lost,
    changes() {
      const taken = new Map([...changed].map((key) => [key, aggregates.get(key)]));
      changed = new Set();
      return taken;
    },
    restore(kept, lostUntil) {
      lost = Math.max(lost, lostUntil);
      const sorted = [...kept].sort((a, b) => a.lastSeen - b.lastSeen);
      for (const aggregate of sorted) {
        const key = keyOf(aggregate);
        if (!aggregates.has(key)) aggregates.set(key, { ...aggregate, ...pathKeys.shared(aggregate.path) });
      }
    },
    keyOf,
  };
}

function addToDay(days: Aggregate['days'], day: number, count: number): Aggregate['days'] {
  const last = days.at(-1);
  if (last?.[0] === day) return [...days.slice(0, -1), [day, last[1] + count]];
  return [...days.slice(-(keptDays - 1)), [day, count]];
}
