// Shares out the one event loop: what somebody's streams cost is taken off an allowance of theirs, and while it is used up none of them
// is read. A flood then waits in the flow control of whoever sends it, and delays nobody else.
import type { Clock } from './clock.ts';

export interface Pacer {
  /** Takes milliseconds of work off its allowance; answers how long its streams are not to be read now. */
  spend(who: string, ms: number): number;
}

export interface PacerOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Milliseconds of work that one may cause at once, and the share of all time that it may cause for long. */
  readonly limits: { readonly workAtOnceMs: number; readonly workShare: number };
}

const maxKept = 10_000;

export function createPacer({ clock, limits: { workAtOnceMs, workShare } }: PacerOptions): Pacer {
  /** Who → when its allowance will be whole again (monotonic): one value for what is left of it. */
  const wholeAt = new Map<string, number>();
  return {
    spend(who, ms) {
      const now = clock.monotonic();
      // A machine that slept in the middle of a request is not its doing.
      const cost = Math.min(ms, workAtOnceMs);
      const whole = Math.max(now, wholeAt.get(who) ?? now) + cost / workShare;
      wholeAt.delete(who);
      wholeAt.set(who, whole);
      // Oldest first: who was quiet for longest has its allowance back.
      const oldest = wholeAt.keys().next().value;
      if (wholeAt.size > maxKept && oldest !== undefined) wholeAt.delete(oldest);
      return Math.max(0, whole - now - workAtOnceMs / workShare);
    },
  };
}
