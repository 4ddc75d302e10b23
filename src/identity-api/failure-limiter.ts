// Slows down guessing: whoever failed too often is refused for a while. Whoever has proved their identity, or presents an existing secret,
// is counted by that; all others by their address. So nobody's failures can block somebody who can prove their identity.
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';

export interface FailureLimiter {
  /** Throws `resource_exhausted` for somebody who failed too often. */
  check(who: string): void;
  fail(who: string): void;
}

export interface FailureLimiterOptions {
  readonly clock: Clock;
  /** Failures allowed at once; they are forgiven one by one. Default 30. */
  readonly burst?: number;
  /** Time in which one failure is forgiven. Default 2 s. */
  readonly forgiveMs?: number;
}

const maxKept = 10_000;

/** In memory, bounded: a flood of others forgets the oldest failures. */
export function createFailureLimiter({ clock, burst = 30, forgiveMs = 2000 }: FailureLimiterOptions): FailureLimiter {
  /** Who → when all their failures will be forgiven (monotonic). */
  const forgivenAt = new Map<string, number>();
  return {
    check(who) {
      const left = (forgivenAt.get(who) ?? 0) - clock.monotonic();
      if (left > (burst - 1) * forgiveMs) {
        throw new CellwallError('resource_exhausted', 'too many failed requests', {
          hint: `try again in ${Math.ceil(forgiveMs / 1000)} s`,
        });
      }
    },
    fail(who) {
      const now = clock.monotonic();
      const until = Math.max(now, forgivenAt.get(who) ?? 0) + forgiveMs;
      forgivenAt.delete(who);
      forgivenAt.set(who, until);
      // Oldest first: a flood of others displaces those that failed longest ago.
      const oldest = forgivenAt.keys().next().value;
      if (forgivenAt.size > maxKept && oldest !== undefined) forgivenAt.delete(oldest);
    },
  };
}
