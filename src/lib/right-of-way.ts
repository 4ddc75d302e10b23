// Operators first: while one of them is served, work that anybody who connects can cause endlessly (handshakes, reports) waits for a
// moment. So a flood can delay an urgent change on its way to the proxies only by the piece of work that was already in progress.
import type { Clock } from './clock.ts';

export interface RightOfWay {
  /** Somebody with this right is being served until the returned function is called; if that takes too long, the others continue. */
  claim(): () => void;
  /** For how many milliseconds others wait, 0 for not at all. */
  waitMs(): number;
}

/** Limits how long one claim may hold up others, and all claims together to half of the time. */
const longestMs = 250;
const lookAgainMs = 5;

/** Claims cannot hold others up for ever: they have their turn now and then. */
export function createRightOfWay({ monotonic }: Pick<Clock, 'monotonic'>): RightOfWay {
  /** Until when each claim applies. */
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

/** For places where nobody has right of way. */
export const openWay: Pick<RightOfWay, 'waitMs'> = { waitMs: () => 0 };
