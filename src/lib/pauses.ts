// For long work on the event loop: lets everybody else have their turn once it has taken a few milliseconds.
import { setImmediate } from 'node:timers/promises';
import type { Clock } from './clock.ts';

/** Undefined while there is time left: only what is to be waited for is awaited. */
export type Pause = () => Promise<void> | undefined;

export function createPause(clock: Pick<Clock, 'monotonic'>, turnMs = 5): Pause {
  let began = clock.monotonic();
  return () => {
    if (clock.monotonic() - began < turnMs) return undefined;
    return setImmediate().then(() => {
      began = clock.monotonic();
    });
  };
}

/** What the steps come to. */
export async function inSteps<T>(steps: Iterator<unknown, T>, pause: Pause): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    const wait = pause();
    if (wait !== undefined) await wait;
  }
}
