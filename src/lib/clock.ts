// Time as a dependency, so that expiry, renewal and debouncing are tested without waiting.
import { uptime } from 'node:os';

export interface Clock {
  /** Wall clock, milliseconds since the epoch. For dates in certificates and documents only. */
  now(): number;
  /** Milliseconds that never decrease. For intervals and deadlines. */
  monotonic(): number;
  /** Runs `task` once after `ms` (monotonic); the returned function cancels it. Never keeps the process alive. */
  after(ms: number, task: () => void): () => void;
}

/** Where a clock reads its time. */
export interface TimeSources {
  readonly date: () => number;
  /** Stops while the machine sleeps (CLOCK_MONOTONIC). */
  readonly awake: () => number;
  /** Milliseconds since boot, including sleep (CLOCK_BOOTTIME). */
  readonly sinceBoot: () => number;
  /** How often it checks whether the machine slept. */
  readonly lookMs: number;
}

/** Less than this may be the resolution of the time sources. */
const leastSleepMs = 1000;

/** Its timers include the time that the machine sleeps: what became due meanwhile runs soon afterwards. */
export function createClock({ date, awake, sinceBoot, lookMs }: TimeSources): Clock {
  const waiting = new Set<() => void>();
  let slept = 0;
  let looking = false;
  let before = { awake: awake(), sinceBoot: sinceBoot() };

  const monotonic = (): number => awake() + slept;
  const look = (): void => {
    const now = { awake: awake(), sinceBoot: sinceBoot() };
    const asleep = now.sinceBoot - before.sinceBoot - (now.awake - before.awake);
    before = now;
    if (asleep >= leastSleepMs) {
      slept += asleep;
      for (const wait of [...waiting]) wait();
    }
  };
  return {
    now: date,
    monotonic,
    after(ms, task) {
      if (!looking) setInterval(look, lookMs).unref();
      looking = true;
      // setTimeout is limited to 2^31 - 1 ms (25 days); longer times are counted in pieces.
      const deadline = monotonic() + ms;
      let timer: NodeJS.Timeout;
      const end = (): void => {
        clearTimeout(timer);
        waiting.delete(wait);
      };
      const wait = (): void => {
        clearTimeout(timer);
        const left = deadline - monotonic();
        timer =
          left > longest
            ? setTimeout(wait, longest)
            : setTimeout(
                () => {
                  end();
                  task();
                },
                Math.max(0, left),
              );
        timer.unref();
      };
      waiting.add(wait);
      wait();
      return end;
    },
  };
}

const longest = 2 ** 31 - 1;

/** Its timers notice within 5 s that the machine was suspended. */
export const systemClock: Clock = createClock({
  date: () => Date.now(),
  awake: () => performance.now(),
  sinceBoot: () => uptime() * 1000,
  lookMs: 5000,
});
