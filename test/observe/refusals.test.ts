import { expect, test } from 'vitest';
import { createRefusals } from '../../src/observe/refusals.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const one = { service: 'api', node: 'n', caller: 'plaintext', path: '/' } as const;

test('keeps the last, finds all of an id, newest first', () => {
  const clock = createFakeClock();
  const refusals = createRefusals({ clock, max: 3 });
  refusals.record({ ...one, requestId: 'a', path: '/1' });
  clock.advance(10);
  refusals.record({ ...one, requestId: 'b' });
  refusals.record({ ...one, requestId: 'a', path: '/2' });
  expect(refusals.find('a').map(({ path }) => path)).toEqual(['/2', '/1']);
  refusals.record({ ...one, requestId: 'c' });
  expect(refusals.find('a').map(({ path }) => path)).toEqual(['/2']);
  expect(refusals.find('nobody')).toEqual([]);
});

test('long texts are cut, and an id is found as it was told', () => {
  const refusals = createRefusals({ clock: createFakeClock() });
  refusals.record({ ...one, requestId: 'x'.repeat(5000), path: '/'.repeat(5000) });
  expect(refusals.find('x'.repeat(128))[0]?.path).toHaveLength(1024);
});
