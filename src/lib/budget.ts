// How often something may be done, for each of many: a burst at once, and then one after another. Who is over it is told how long to wait.
import type { Clock } from './clock.ts';

export interface Budget {
  /** 0, and it is spent; or for how many milliseconds there is none. */
  spend(name: string): number;
  /** One that was spent counts for nothing. */
  refund(name: string): void;
}

export interface BudgetOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly burst: number;
  /** In which one more is given. */
  readonly everyMs: number;
}

const maxNames = 10_000;

export function createBudget({ clock, burst, everyMs }: BudgetOptions): Budget {
  /** When all of it is there again (monotonic), the oldest first. */
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
