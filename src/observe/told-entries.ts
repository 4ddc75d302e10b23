// How many entries of one log a proxy has reported, and when it had reported how many: for comparison with counters that were read some
// moments ago. In the monotonic time of this process.

export interface ToldEntries {
  /** `endedAt`: of each entry, epoch milliseconds of the proxy's host; -Infinity if unknown. */
  told(endedAt: readonly number[]): void;
  /** The number reported by then; slightly low if it is long ago. */
  by(at: number): number;
  total(): number;
  /** From now on, entries that ended by then according to the proxy's clock are counted separately: they belong to what was counted. */
  await(endedBy: number): void;
  /** Everything reported when it began to wait, and later entries that had ended by then. */
  awaited(): number;
}

/** The counters in a report are at most this old. */
const keptMs = 15_000;
/** Resolution of the times, so that a busy log stores few. */
const stepMs = 100;
/** Clocks of one host: an entry's end is its start plus its duration, by two clocks of Envoy. */
const clockMs = 250;

/** `now` is monotonic, in milliseconds. */
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
      // Rounded up in time, never down: the result may be too low, never too high.
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
