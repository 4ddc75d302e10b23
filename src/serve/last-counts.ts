// How often something of which there may be very much happened since it was last recorded: the first time, and then once in a while.
import type { Clock } from '../lib/clock.ts';

export interface LastCounts {
  /** How often since the last record, this time included; 0 if it need not be recorded now. */
  take(key: string): number;
}

export interface LastCountsOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly everyMs: number;
  /** That are remembered at the same time: those that happened last. */
  readonly most: number;
}

export function createLastCounts({ clock, everyMs, most }: LastCountsOptions): LastCounts {
  const since = new Map<string, { readonly at: number; readonly count: number }>();
  return {
    take(key) {
      const now = clock.monotonic();
      const before = since.get(key);
      const isDue = before === undefined || now - before.at >= everyMs;
      const count = (before?.count ?? 0) + 1;
      since.delete(key);
      since.set(key, isDue ? { at: now, count: 0 } : { at: before.at, count });
      const oldest = since.keys().next().value;
      if (since.size > most && oldest !== undefined) since.delete(oldest);
      return isDue ? count : 0;
    },
  };
}
