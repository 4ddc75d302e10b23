// When to act on changes: the first is acted on at once, those that follow within the window are handled together at its end; an urgent one
// never waits.
import type { Clock } from '../lib/clock.ts';

export interface Coalescer {
  request(urgent: boolean): void;
  stop(): void;
}

/** `windowMs`: milliseconds between two calls of `act`, unless one is urgent. */
export function createCoalescer(clock: Clock, windowMs: number, act: () => void): Coalescer {
  let cancel: (() => void) | undefined;
  let pending = false;
  let stopped = false;
  const open = (): void => {
    cancel = clock.after(windowMs, () => {
      cancel = undefined;
      if (!pending) return;
      pending = false;
      open();
      act();
    });
  };
  return {
    request(urgent) {
      if (stopped) return;
      if (cancel !== undefined && !urgent) {
        pending = true;
        return;
      }
      // Acting takes everything there is: what was pending is included.
      pending = false;
      cancel?.();
      open();
      act();
    },
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}
