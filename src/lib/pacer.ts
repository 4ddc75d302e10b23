// Shares out the one event loop: what somebody's streams cost is deducted from their allowance, and while that is used up none of their
// streams is read. A flood then waits in its sender's flow control, and delays nobody else.
import type { Clock } from './clock.ts';

export interface Pacer {
  /** Deducts milliseconds of work from its allowance; returns for how long its streams must not be read now. */
  spend(who: string, ms: number): number;
}

export interface PacerOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Milliseconds of work that one may cause at once, and the share of all time that it may cause continuously. */
  readonly limits: { readonly workAtOnceMs: number; readonly workShare: number };
}

const maxKept = 10_000;

/** Names are forgotten when there are too many: those that were quiet longest. */
export function createPacer({ clock, limits: { workAtOnceMs, workShare } }: PacerOptions): Pacer {
  /** Who → when its allowance will be full again (monotonic): one value for what is left of it. */
  const wholeAt = new Map<string, number>();
  return {
    spend(who, ms) {
      const now = clock.monotonic();
      // If the machine slept in the middle of a request, that is not its fault.
      const cost = Math.min(ms, workAtOnceMs);
      const whole = Math.max(now, wholeAt.get(who) ?? now) + cost / workShare;
      wholeAt.delete(who);
      wholeAt.set(who, whole);
      // Oldest first: whoever was quiet for longest has a full allowance again.
      const oldest = wholeAt.keys().next().value;
      if (wholeAt.size > maxKept && oldest !== undefined) wholeAt.delete(oldest);
      return Math.max(0, whole - now - workAtOnceMs / workShare);
    },
  };
}
