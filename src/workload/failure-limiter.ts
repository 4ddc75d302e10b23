// Slows down guessing: who failed too often (an address, or what it presents) is refused for a while, before any cryptography.
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';

export interface FailureLimiter {
  /** Throws `resource_exhausted` for one who failed too often. */
  check(address: string): void;
  fail(address: string): void;
}

export interface FailureLimiterOptions {
  readonly clock: Clock;
  /** Failures an address may have at once; they are forgiven one by one. Default 30. */
  readonly burst?: number;
  /** Time in which one failure is forgiven. Default 2 s. */
  readonly forgiveMs?: number;
}

const maxAddresses = 10_000;

export function createFailureLimiter({ clock, burst = 30, forgiveMs = 2000 }: FailureLimiterOptions): FailureLimiter {
  /** Address → when all its failures will be forgiven (monotonic). */
  const forgivenAt = new Map<string, number>();
  return {
    check(address) {
      const left = (forgivenAt.get(address) ?? 0) - clock.monotonic();
      if (left > (burst - 1) * forgiveMs) {
        throw new CellwallError('resource_exhausted', 'too many failed requests from this address', {
          hint: `try again in ${Math.ceil(forgiveMs / 1000)} s`,
        });
      }
    },
    fail(address) {
      const now = clock.monotonic();
      const until = Math.max(now, forgivenAt.get(address) ?? 0) + forgiveMs;
      forgivenAt.delete(address);
      forgivenAt.set(address, until);
      // Oldest first: a flood of addresses pushes out those that failed longest ago.
      const oldest = forgivenAt.keys().next().value;
      if (forgivenAt.size > maxAddresses && oldest !== undefined) forgivenAt.delete(oldest);
    },
  };
}
