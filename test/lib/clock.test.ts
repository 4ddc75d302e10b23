// Timers of a machine that sleeps: they count the sleep.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createClock } from '../../src/lib/clock.ts';

let awake: number;
let asleep: number;

beforeEach(() => {
  vi.useFakeTimers();
  awake = 0;
  asleep = 0;
});
afterEach(() => vi.useRealTimers());

const pass = (ms: number): void => {
  awake += ms;
  vi.advanceTimersByTime(ms);
};
const start = () => createClock({ date: () => 0, awake: () => awake, sinceBoot: () => awake + asleep, lookMs: 5000 });

it('runs what came due in a sleep soon after it, what did not at its time, and what was cancelled never', () => {
  const clock = start();
  const done: string[] = [];
  clock.after(30 * 60_000, () => done.push('half an hour'));
  clock.after(3 * 3_600_000, () => done.push('three hours'));
  clock.after(1000, () => done.push('cancelled'))();
  asleep += 2 * 3_600_000;
  pass(5000);
  pass(1);
  expect(done).toEqual(['half an hour']);
  expect(clock.monotonic()).toBe(2 * 3_600_000 + 5001);
  pass(3_600_000 - 5002);
  expect(done).toEqual(['half an hour']);
  pass(2);
  expect(done).toEqual(['half an hour', 'three hours']);
});

it('takes the coarseness of its sources for no sleep', () => {
  const clock = start();
  asleep += 900;
  clock.after(10, () => {});
  pass(5000);
  expect(clock.monotonic()).toBe(5000);
});
