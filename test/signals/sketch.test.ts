// A quantile is within the stated error, however the values came together, and a sketch does not grow beyond its buckets.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addTime,
  mergeSketch,
  quantiles,
  readSketch,
  relativeError,
  type Sketch,
  writeSketch,
} from '../../src/signals/sketch.ts';

const times = fc.array(fc.double({ min: 0.02, max: 7_000_000, noNaN: true }), { minLength: 1, maxLength: 200 });
const qs = [0, 0.01, 0.5, 0.9, 0.99, 1];

const sketchOf = (values: readonly number[]): Sketch => {
  const sketch: Sketch = new Map();
  for (const value of values) addTime(sketch, value);
  return sketch;
};

test('each quantile is within the stated error of the value that has its rank, also after a merge', () => {
  fc.assert(
    fc.property(times, times, (some, others) => {
      const sketch = sketchOf(some);
      mergeSketch(sketch, sketchOf(others));
      const sorted = [...some, ...others].sort((a, b) => a - b);
      const found = quantiles(sketch, qs) ?? [];
      for (const [place, q] of qs.entries()) {
        const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] ?? 0;
        expect(Math.abs((found[place] ?? 0) - exact)).toBeLessThanOrEqual(relativeError * exact * (1 + 1e-9));
      }
    }),
  );
});

test('merged in parts, or written and read, it is the same as added one by one', () => {
  fc.assert(
    fc.property(times, times, (some, others) => {
      const merged = sketchOf(some);
      mergeSketch(merged, readSketch([...writeSketch(sketchOf(others))]));
      expect(writeSketch(merged)).toEqual(writeSketch(sketchOf([...others, ...some])));
    }),
  );
});

test('whatever is added, its size is bounded; what is no time is left out', () => {
  const sketch: Sketch = new Map();
  for (let at = 0; at < 20_000; at++) addTime(sketch, 1.01 ** at * 0.0001);
  expect(sketch.size).toBeLessThanOrEqual(512);
  const none: Sketch = new Map();
  for (const odd of [Number.NaN, -1, Number.NEGATIVE_INFINITY]) addTime(none, odd);
  expect(quantiles(none, [0.5])).toBeUndefined();
  addTime(none, Number.POSITIVE_INFINITY);
  expect(quantiles(none, [0.5])?.[0]).toBeGreaterThan(7_000_000);
});

test('what is no sketch counts as an empty one, as far as it can be read', () => {
  for (const odd of [null, 7, ['a', 1], [-1, 1], [0.5, 1], [600, 1], [1, -1], [1, 0], [1]]) {
    expect(readSketch(odd).size).toBe(0);
  }
  expect([...readSketch([3, 2, 'x', 1])]).toEqual([[3, 2]]);
});
