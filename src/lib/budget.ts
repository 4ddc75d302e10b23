// How often something may be done, for each of many: a burst at once, and then at a steady pace. Returns how long to wait when it is used
// up.
import type { Clock } from './clock.ts';

/** Names are forgotten when there are too many: those that were used longest ago. */
export interface Budget {
  /** 0 if one was spent; otherwise, for how many milliseconds there is none. */
  spend(name: string): number;
  /** Gives back one that was spent. */
  refund(name: string): void;
}

export interface BudgetOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly burst: number;
  /** Interval at which one more is added. */
  readonly everyMs: number;
}

const maxNames = 10_000;

/** `burst` at once, then one every `everyMs` milliseconds. */
export function createBudget({ clock, burst, everyMs }: BudgetOptions): Budget {
  /** When all of it will be available again (monotonic), the oldest first. */
  const fullAt = new Map<string, number>();
  return {
    spend(name) {
      const now = clock.monotonic();
      const before = Math.max(now, fullAt.get(name) ?? 0);
      const wait = before + everyMs - now - burst * everyMs;
      if (wait > 0) return wait;
      fullAt.delete(name);
      fullAt.set(name, before + everyMs);
      const oldest = fullAt.keys().next().value;
      if (fullAt.size > maxNames && oldest !== undefined) fullAt.delete(oldest);
      return 0;
    },
    refund(name) {
      const full = fullAt.get(name);
      if (full !== undefined) fullAt.set(name, full - everyMs);
    },
  };
}
