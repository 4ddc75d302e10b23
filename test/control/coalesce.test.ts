import { expect, it } from 'vitest';
import { createCoalescer } from '../../src/control/coalesce.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function start() {
  const clock = createFakeClock();
  const acts: number[] = [];
  return { clock, acts, coalescer: createCoalescer(clock, 50, () => acts.push(clock.monotonic())) };
}

it('acts on the first change at once, then once for all of a window', () => {
  const { clock, acts, coalescer } = start();
  coalescer.request(false);
  for (let i = 0; i < 10; i++) coalescer.request(false);
  expect(acts).toEqual([0]);
  clock.advance(50);
  expect(acts).toEqual([0, 50]);
  clock.advance(500);
  expect(acts).toEqual([0, 50]);
  coalescer.request(false);
  expect(acts).toEqual([0, 50, 550]);
});

it('never lets an urgent change wait, and does not repeat what it took along', () => {
  const { clock, acts, coalescer } = start();
  coalescer.request(false);
  coalescer.request(false);
  clock.advance(10);
  coalescer.request(true);
  expect(acts).toEqual([0, 10]);
  clock.advance(500);
  expect(acts).toEqual([0, 10]);
});

it('does nothing once stopped', () => {
  const { clock, acts, coalescer } = start();
  coalescer.request(false);
  coalescer.request(false);
  coalescer.stop();
  coalescer.request(true);
  clock.advance(500);
  expect(acts).toEqual([0]);
});
