// The aggregates of one service, in order of last sight, and approximately how much memory they use.
import type { Aggregate } from './traffic-count.ts';

export interface ServiceTraffic {
  get(key: string): Aggregate | undefined;
  /** Puts it last. */
  put(key: string, aggregate: Aggregate): void;
  /** The key of the one not seen for longest, which is dropped for lack of space. */
  dropOldest(): string | undefined;
  /** Removes what was last seen longer ago than anything is kept. */
  expired(now: number): readonly string[];
  all(): Iterable<Aggregate>;
  bytes(): number;
  lostUntil(): number;
  /** Something that was last seen then is missing. */
  lose(lastSeen: number): void;
}

const dayMs = 86_400_000;
const keptDays = 31;
/** For an aggregate's objects and its places in maps: 440 measured, in addition to its texts. */
const objectBytes = 500;
const dayBytes = 48;

export function createServiceTraffic(): ServiceTraffic {
  const aggregates = new Map<string, Aggregate>();
  let bytes = 0;
  let lost = 0;
  const drop = (key: string, aggregate: Aggregate): void => {
    aggregates.delete(key);
    bytes -= sizeOf(key, aggregate);
  };
  return {
    get: (key) => aggregates.get(key),
    put(key, aggregate) {
      const before = aggregates.get(key);
      if (before !== undefined) drop(key, before);
      aggregates.set(key, aggregate);
      bytes += sizeOf(key, aggregate);
    },
    dropOldest() {
      const oldest = aggregates.entries().next().value;
      if (oldest === undefined) return undefined;
      drop(...oldest);
      lost = Math.max(lost, oldest[1].lastSeen);
      return oldest[0];
    },
    expired(now) {
      const found: string[] = [];
      for (const [key, aggregate] of aggregates) {
        if (aggregate.lastSeen >= now - keptDays * dayMs) break;
        drop(key, aggregate);
        found.push(key);
      }
      return found;
    },
    all: () => aggregates.values(),
    bytes: () => bytes,
    lostUntil: () => lost,
    lose(lastSeen) {
      lost = Math.max(lost, lastSeen);
    },
  };
}

/** Texts are in the aggregate and, quoted, in its key. */
function sizeOf(key: string, { days }: Aggregate): number {
  return objectBytes + 2 * key.length + days.length * dayBytes;
}

/** How many calls since then, by whole days (UTC): slightly high. */
export function within(days: Aggregate['days'], since: number): number {
  const first = Math.floor(since / dayMs);
  return days.reduce((sum, [day, seen]) => (day >= first ? sum + seen : sum), 0);
}

/** Adds `count` to today (UTC), and drops days beyond those that are kept. */
export function withDay(days: Aggregate['days'], now: number, count: number): Aggregate['days'] {
  const day = Math.floor(now / dayMs);
  const last = days.at(-1);
  if (last?.[0] === day) return [...days.slice(0, -1), [day, last[1] + count]];
  return [...days.slice(-(keptDays - 1)), [day, count]];
}
