// Operators first: while one of them is served, what whoever connects may cause without end (handshakes, reports) waits for a moment. So a
// flood stands between an urgent change and the proxies for as long as the piece of work that it had begun.
import type { Clock } from './clock.ts';

export interface RightOfWay {
  /** Somebody who may is being served, until what this answers is called; what takes longer gives way again. */
  claim(): () => void;
  /** For how many milliseconds others wait, 0 for not at all. */
  waitMs(): number;
}

/** One claim holds others up for so long at most, and all of them for half of the time. */
const longestMs = 250;
const lookAgainMs = 5;

export function createRightOfWay({ monotonic }: Pick<Clock, 'monotonic'>): RightOfWay {
  /** Until when each holds. */
  const claims = new Set<{ readonly until: number }>();
  let heldSince: number | undefined;
  let freeUntil = 0;
  return {
    claim() {
      const claim = { until: monotonic() + longestMs };
      claims.add(claim);
      return () => void claims.delete(claim);
    },
    waitMs() {
      const now = monotonic();
      for (const claim of claims) if (claim.until <= now) claims.delete(claim);
      if (claims.size === 0) heldSince = undefined;
      if (claims.size === 0 || now < freeUntil) return 0;
      heldSince ??= now;
      if (now - heldSince < longestMs) return lookAgainMs;
      heldSince = undefined;
      freeUntil = now + longestMs;
      return 0;
    },
  };
}

/** Where nobody has it. */
export const openWay: Pick<RightOfWay, 'waitMs'> = { waitMs: () => 0 };
