// Time as a dependency, so that expiry, renewal and debouncing are tested without waiting.

export interface Clock {
  /** Wall clock, milliseconds since the epoch. For dates in certificates and documents only. */
  now(): number;
  /** Milliseconds that never go back. For intervals and deadlines. */
  monotonic(): number;
  /** Runs `task` once after `ms` (monotonic); the answer cancels it. Never keeps the process alive. */
  after(ms: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, Math.min(ms, 2 ** 31 - 1));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
