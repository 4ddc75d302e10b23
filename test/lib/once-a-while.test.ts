// What many ask for is read once in a while.
import { expect, it } from 'vitest';
import { onceAWhile } from '../../src/lib/once-a-while.ts';
import { createFakeClock } from '../support/fake-clock.ts';

it('is read once for all who ask, and again when it is old', async () => {
  const clock = createFakeClock();
  let reads = 0;
  const ask = onceAWhile({ clock, forMs: 1000 }, async () => {
    reads += 1;
    return reads;
  });
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1]);
  clock.advance(999);
  expect(await ask()).toBe(1);
  clock.advance(1);
  expect(await Promise.all([ask(), ask()])).toEqual([2, 2]);
});

it('a failure is not kept', async () => {
  let fails = true;
  const ask = onceAWhile({ clock: createFakeClock(), forMs: 1000 }, async () => {
    if (fails) throw new Error('away');
    return 'there';
  });
  await expect(Promise.all([ask(), ask()])).rejects.toThrow('away');
  fails = false;
  expect(await ask()).toBe('there');
});
