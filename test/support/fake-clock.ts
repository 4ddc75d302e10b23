// A clock that a test moves. Tasks run in order of their time, inside `advance`.
import type { Clock } from '../../src/lib/clock.ts';

export interface FakeClock extends Clock {
  advance(ms: number): void;
  /** Sets the date, while no time passes. */
  jump(ms: number): void;
}

export function createFakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  let elapsed = 0;
  let jumped = 0;
  const tasks = new Set<{ readonly at: number; readonly task: () => void }>();
  return {
    now: () => start + elapsed + jumped,
    monotonic: () => elapsed,
    after(ms, task) {
      const entry = { at: elapsed + ms, task };
      tasks.add(entry);
      return () => void tasks.delete(entry);
    },
    jump(ms) {
      jumped += ms;
    },
    advance(ms) {
      const end = elapsed + ms;
      for (;;) {
        const next = [...tasks].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        tasks.delete(next);
        elapsed = next.at;
        next.task();
      }
      elapsed = end;
    },
  };
}
