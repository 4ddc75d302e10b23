// How long calls took, as counts in buckets whose bounds grow by a constant factor: two sketches are merged by adding, and a quantile of
// the sum is as exact as one of either part. Of a fixed number of buckets, whatever is added. Masson, Rim, Lee: DDSketch (VLDB 2019), §2.
import type { Json } from '../lib/table.ts';

/** Bucket → how many values. */
export type Sketch = Map<number, number>;

/** A quantile differs from the value that really has its rank by at most this share of it, for values within the bounds below. */
export const relativeError = 0.02;
/** Milliseconds. What is shorter counts as this long; what is longer than the last bucket (two hours) as long as that. */
const least = 0.01;
const buckets = 512;
const growth = (1 + relativeError) / (1 - relativeError);
const logGrowth = Math.log(growth);

/** `ms`: milliseconds; what is no time is left out. */
export function addTime(sketch: Sketch, ms: number, count = 1): void {
  if (!(ms >= 0)) return;
  const bucket = bucketOf(ms);
  sketch.set(bucket, (sketch.get(bucket) ?? 0) + count);
}

export function mergeSketch(into: Sketch, from: Sketch): void {
  for (const [bucket, count] of from) into.set(bucket, (into.get(bucket) ?? 0) + count);
}

/** Milliseconds for each `q` (0 to 1), in their order; undefined if nothing was added. */
export function quantiles(sketch: Sketch, qs: readonly number[]): readonly number[] | undefined {
  const sorted = [...sketch].sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return undefined;
  return qs.map((q) => {
    const rank = Math.max(1, Math.ceil(q * total));
    let seen = 0;
    for (const [bucket, count] of sorted) {
      seen += count;
      if (seen >= rank) return timeOf(bucket);
    }
    return timeOf(sorted.at(-1)?.[0] ?? 0);
  });
}

/** Pairs of the distance from the bucket before and the count. */
export function writeSketch(sketch: Sketch): readonly number[] {
  let before = 0;
  return [...sketch]
    .sort(([a], [b]) => a - b)
    .flatMap(([bucket, count]) => {
      const step = bucket - before;
      before = bucket;
      return [step, count];
    });
}

/** Whatever is not what `writeSketch` writes is left out. */
export function readSketch(value: Json | undefined): Sketch {
  const sketch: Sketch = new Map();
  if (!Array.isArray(value)) return sketch;
  let bucket = 0;
  for (let at = 0; at + 1 < value.length; at += 2) {
    const [step, count]: readonly unknown[] = [value[at], value[at + 1]];
    if (typeof step !== 'number' || typeof count !== 'number' || !(count > 0)) return sketch;
    bucket += step;
    if (!Number.isInteger(bucket) || bucket < 0 || bucket >= buckets) return sketch;
    sketch.set(bucket, (sketch.get(bucket) ?? 0) + count);
  }
  return sketch;
}

function bucketOf(ms: number): number {
  if (ms <= least) return 0;
  return Math.min(buckets - 1, Math.ceil(Math.log(ms / least) / logGrowth));
}

/** In the middle, by ratio: as far from one bound as from the other. */
function timeOf(bucket: number): number {
  return bucket === 0 ? least : (2 * least * growth ** bucket) / (growth + 1);
}
