// When to act on changes: the first goes at once, those that follow within the window are taken together at its end; an
// urgent one never waits.
import type { Clock } from '../lib/clock.ts';

export interface Coalescer {
  request(urgent: boolean): void;
  stop(): void;
}

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
      // An act takes everything there is: what was pending is in it.
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
