// Work in steps, in the given order, a few milliseconds in each turn of the event loop, so that others who wait for an answer get their
// turn.
import type { Clock } from '../lib/clock.ts';

export interface Slices {
  /** There is something to do: starts at once, if this turn has time left. */
  start(): void;
  stop(): void;
}

export interface SlicesOptions {
  readonly clock: Clock;
  /** One step; false when nothing is left to do. */
  readonly step: () => boolean;
  /** In one turn of the event loop, milliseconds; may be exceeded by one step. Default 5. */
  readonly budgetMs?: number;
}

/** `step` is called again only if the last call returned true, or after `start`. */
export function createSlices({ clock, step, budgetMs = 5 }: SlicesOptions): Slices {
  let spent = 0;
  let next: NodeJS.Immediate | undefined;
  let running = false;
  const run = (): void => {
    if (running) return;
    running = true;
    const began = clock.monotonic();
    let [more, worked] = [true, false];
    while (more && spent + clock.monotonic() - began < budgetMs) {
      more = step();
      worked ||= more;
    }
    running = false;
    spent += clock.monotonic() - began;
    // Also with nothing left: time is available again only in another turn. If nothing was done either, it is idle.
    if (more || worked) next ??= setImmediate(turn);
    else if (next === undefined) spent = 0;
  };
  const turn = (): void => {
    next = undefined;
    spent = 0;
    run();
  };
  return {
    start: run,
    stop() {
      if (next !== undefined) clearImmediate(next);
      next = undefined;
    },
  };
}
