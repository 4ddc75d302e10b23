// Who calls whom, with what, and how it was decided: access-log entries folded into bounded counts. Never bodies or query strings, and no
// more of paths than rules distinguish (policy/recorded-path.ts). Each service has its own budget: what one proxy reports, true or not,
// displaces nothing of another service.

import type { Clock } from '../lib/clock.ts';
import { createPathKeys } from './path-keys.ts';
import { createServiceTraffic, type ServiceTraffic, withDay, within } from './service-traffic.ts';
import type { Aggregate, Call, TrafficCount } from './traffic-count.ts';

export interface Traffic {
  record(call: Call, count?: number): void;
  /** What was seen since then, or ever. Counts are for whole days (UTC), so they may be slightly high. */
  counts(since?: number): readonly TrafficCount[];
  /** The same for replaying: one after the other, without a copy if none is needed. */
  calls(since: number): Iterable<TrafficCount>;
  /**
   * When the youngest of a service's dropped aggregates was last seen; 0 if none was dropped for lack of space. What is older is
   * incomplete.
   */
  lostUntil(service: string): number;
  /** For every service that lost any. */
  lost(): ReadonlyMap<string, number>;
  /** For storing: what changed since the last call; `undefined` for what was dropped. */
  changes(): ReadonlyMap<string, Aggregate | undefined>;
  /** Restores what was stored, within the budgets: what does not fit is among the next changes. */
  restore(aggregates: Iterable<Aggregate>, lost: ReadonlyMap<string, number>): void;
  /** What `changes` names it by. */
  keyOf(call: Call): string;
}

export interface TrafficOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** For one service's aggregates, approximately; the one not seen for longest is dropped first. Default 4 MiB. */
  readonly serviceBytes?: number;
  /** In total; the first to be dropped belong to the service with the most. Default 96 MiB. */
  readonly maxBytes?: number;
}

const mebibyte = 1024 * 1024;

/** In memory; traffic-keeper.ts stores it. */
export function createTraffic(options: TrafficOptions): Traffic {
  const { clock, serviceBytes = 4 * mebibyte, maxBytes = 96 * mebibyte } = options;
  const services = new Map<string, ServiceTraffic>();
  const pathKeys = createPathKeys();
  let changed = new Set<string>();
  /** What was handed out for storing: only for these must a removal be reported. */
  const kept = new Set<string>();
  let bytes = 0;

  const keyOf = (call: Call): string =>
    JSON.stringify([
      ...[call.service, call.caller, call.principal, call.token, call.peer, call.method, pathKeys.of(call.path)],
      ...[call.decision, call.policy, call.shadow?.decision, call.shadow?.policy, call.port, call.credential],
    ]);
  const serviceOf = (name: string): ServiceTraffic => {
    const known = services.get(name) ?? createServiceTraffic();
    services.set(name, known);
    return known;
  };
  const went = (key: string | undefined): void => {
    if (key === undefined) return;
    if (kept.delete(key)) changed.add(key);
    else changed.delete(key);
  };
  const change = (service: ServiceTraffic, run: () => void): void => {
    const before = service.bytes();
    run();
    bytes += service.bytes() - before;
  };
  const put = (key: string, aggregate: Aggregate): void => {
    const own = serviceOf(aggregate.service);
    change(own, () => {
      own.put(key, aggregate);
      for (const old of own.expired(clock.now())) went(old);
      while (own.bytes() > serviceBytes) went(own.dropOldest());
    });
    while (bytes > maxBytes) {
      const [largest] = [...services.values()].sort((a, b) => b.bytes() - a.bytes());
      if (largest === undefined || largest.bytes() === 0) return;
      // Slightly more than needed: finding the largest is expensive.
      const goal = largest.bytes() - maxBytes / 64;
      change(largest, () => {
        while (largest.bytes() > Math.max(0, goal)) went(largest.dropOldest());
      });
    }
  };
  /** Endless addresses count as one: they are only informative, and no decision depends on them. */
  const crowded = (call: Call): boolean =>
    call.peer !== undefined &&
    serviceOf(call.service).bytes() > serviceBytes / 2 &&
    serviceOf(call.service).get(keyOf(call)) === undefined;
  return {
    *calls(since) {
      for (const service of services.values()) {
        for (const aggregate of service.all()) {
          if (aggregate.lastSeen < since) continue;
          const count = within(aggregate.days, since);
          yield count === aggregate.count ? aggregate : { ...aggregate, count };
        }
      }
    },
    record(given, count = 1) {
      const { peer: _, ...nobody } = given;
      const call = crowded(given) ? nobody : given;
      const key = keyOf(call);
      const before = serviceOf(call.service).get(key);
      const now = clock.now();
      changed.add(key);
      put(key, {
        ...(before ?? { ...call, ...pathKeys.shared(call.path) }),
        count: (before?.count ?? 0) + count,
        lastSeen: now,
        ...(call.credential === undefined ? {} : { firstSeen: before?.firstSeen ?? now }),
        days: withDay(before?.days ?? [], now, count),
      });
    },
    counts(since = 0) {
      const found: TrafficCount[] = [];
      for (const service of services.values()) {
        for (const { days, ...all } of service.all()) {
          if (all.lastSeen < since) continue;
          found.push(since === 0 ? all : { ...all, count: within(days, since) });
        }
      }
      return found;
    },
    lostUntil: (service) => services.get(service)?.lostUntil() ?? 0,
    lost: () => new Map([...services].flatMap(([name, own]) => (own.lostUntil() > 0 ? [[name, own.lostUntil()]] : []))),
    changes() {
      const taken = new Map<string, Aggregate | undefined>();
      for (const key of changed) {
        const aggregate = services.get(serviceOfKey(key))?.get(key);
        taken.set(key, aggregate);
        if (aggregate !== undefined) kept.add(key);
      }
      changed = new Set();
      return taken;
    },
    restore(aggregates, lost) {
      for (const [service, until] of lost) serviceOf(service).lose(until);
      for (const aggregate of [...aggregates].sort((a, b) => a.lastSeen - b.lastSeen)) {
        const key = keyOf(aggregate);
        if (serviceOf(aggregate.service).get(key) !== undefined) continue;
        kept.add(key);
        put(key, { ...aggregate, ...pathKeys.shared(aggregate.path) });
      }
    },
    keyOf,
  };
}

/** Only `keyOf` makes keys: the first of a list of texts. */
function serviceOfKey(key: string): string {
  const [service]: readonly unknown[] = JSON.parse(key);
  return String(service);
}
