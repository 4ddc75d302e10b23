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
    // setTimeout counts to 2^31 - 1 ms (25 days); what is longer is counted in pieces.
    const deadline = performance.now() + ms;
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const left = deadline - performance.now();
      timer = left > longest ? setTimeout(wait, longest) : setTimeout(task, Math.max(0, left));
      timer.unref();
    };
    wait();
    return () => clearTimeout(timer);
  },
};

const longest = 2 ** 31 - 1;
