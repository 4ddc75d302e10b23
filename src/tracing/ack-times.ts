// How long answers took, in space that does not depend on how many there are: exact at both ends, quantiles to within 5 %.

export interface AckTimes {
  add(ms: number): void;
  /** Undefined while there is none. */
  summary(): AckSummary | undefined;
}

export interface AckSummary {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly p99Ms: number;
}

const growth = Math.log(1.05);

export function createAckTimes(): AckTimes {
  /** By the power of the growth that they are up to. */
  const counts = new Map<number, number>();
  let [count, first, last] = [0, Number.POSITIVE_INFINITY, 0];
  return {
    add(ms) {
      count += 1;
      first = Math.min(first, ms);
      last = Math.max(last, ms);
      const power = Math.ceil(Math.log(Math.max(ms, 0.001)) / growth);
      counts.set(power, (counts.get(power) ?? 0) + 1);
    },
    summary() {
      if (count === 0) return undefined;
      let left = Math.ceil(count * 0.99);
      for (const [power, those] of [...counts].toSorted(([a], [b]) => a - b)) {
        left -= those;
        if (left <= 0)
          return { firstMs: first, lastMs: last, p99Ms: Math.min(last, Math.max(first, Math.exp(power * growth))) };
      }
      return { firstMs: first, lastMs: last, p99Ms: last };
    },
  };
}
