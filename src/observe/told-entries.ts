// How many entries of one log a proxy has told, and until when it had told how many: for comparing with counters that were read
// some moments ago. In the monotonic time of this process.

export interface ToldEntries {
  /** `endedAt`: of each entry, epoch milliseconds of the proxy's host; -Infinity where it does not say. */
  told(endedAt: readonly number[]): void;
  /** Had been told by then; a few less if it is long ago. */
  by(at: number): number;
  total(): number;
  /** From now on, entries that ended until then by the proxy's clock are counted apart: they are of what was counted. */
  await(endedBy: number): void;
  /** All that had been told when it began to wait, and those that came later and had ended by then. */
  awaited(): number;
}

/** Reports come with what the counters were at most this long ago. */
const keptMs = 15_000;
/** Times are told apart this finely, so that a busy log keeps few. */
const stepMs = 100;
/** Clocks of one host: an entry's end is its start and how long it took, by two clocks of Envoy's. */
const clockMs = 250;

export function createToldEntries(now: () => number): ToldEntries {
  let total = 0;
  let awaited = 0;
  let endedBy = Number.NEGATIVE_INFINITY;
  const steps: { at: number; total: number }[] = [{ at: now(), total: 0 }];
  return {
    told(endedAt) {
      total += endedAt.length;
      for (const end of endedAt) if (end - clockMs <= endedBy) awaited++;
      const at = now();
      const last = steps.at(-1);
      const before = steps.at(-2);
      // Moved forward in time, never back: whoever asks is told less, not more.
      if (last !== undefined && before !== undefined && at - before.at < stepMs) {
        last.at = at;
        last.total = total;
      } else steps.push({ at, total });
      while ((steps[1]?.at ?? at) < at - keptMs) steps.shift();
    },
    by: (at) => steps.findLast((step) => step.at <= at)?.total ?? 0,
    total: () => total,
    await(by) {
      endedBy = by;
      awaited = total;
    },
    awaited: () => awaited,
  };
}
