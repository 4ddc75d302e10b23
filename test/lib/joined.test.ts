// Work that is joined by all who want it: one at a time, and never with a result from before the wish.
import { expect, it } from 'vitest';
import { joined } from '../../src/lib/joined.ts';

it('runs once more for all who came while it ran, and not at the same time', async () => {
  let begun = 0;
  let running = 0;
  let most = 0;
  const release: (() => void)[] = [];
  const work = joined(async () => {
    begun += 1;
    const own = begun;
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((done) => release.push(done));
    running -= 1;
    return own;
  });
  const first = work();
  const later = [work(), work(), work()];
  release.shift()?.();
  expect(await first).toBe(1);
  await Promise.resolve();
  release.shift()?.();
  expect(await Promise.all(later)).toEqual([2, 2, 2]);
  const again = work();
  release.shift()?.();
  expect(await again).toBe(3);
  expect(most).toBe(1);
});

it('a failure is told to those who joined that run, and to nobody else', async () => {
  let fails = true;
  const work = joined(async () => {
    await Promise.resolve();
    if (!fails) return 'fine';
    fails = false;
    throw new Error('once');
  });
  const [first, second] = await Promise.allSettled([work(), work()]);
  expect([first.status, second]).toEqual(['rejected', { status: 'fulfilled', value: 'fine' }]);
});
