// Who is due longest comes first, whatever was added, replaced, removed and taken: beside a list that is searched.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createDueQueue } from '../../src/cutover/due-queue.ts';

const step = fc.record({
  later: fc.nat(50),
  key: fc.integer({ min: 0, max: 5 }).map(String),
  what: fc.constantFrom('add', 'add', 'take', 'remove'),
  afterMs: fc.constantFrom(5, 30),
});

test('who is due longest, or nobody', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = createDueQueue<string>();
      const list = new Map<string, number>();
      let now = 0;
      for (const { later, key, what, afterMs } of steps) {
        now += later;
        if (what === 'add') {
          queue.add(key, key, now, afterMs);
          list.set(key, now + afterMs);
        } else if (what === 'remove') {
          queue.remove(key);
          list.delete(key);
        } else {
          const taken = queue.take(now);
          const dueAt = Math.min(...list.values());
          expect(taken === undefined).toBe(dueAt > now);
          if (taken === undefined) continue;
          expect(list.get(taken)).toBe(dueAt);
          list.delete(taken);
        }
      }
    }),
  );
});

test('what was never looked at is due before all else, in its order', () => {
  const queue = createDueQueue<string>();
  for (const key of ['a', 'b']) queue.add(key, key, Number.NEGATIVE_INFINITY, 5);
  queue.add('c', 'c', 0, 30);
  expect([queue.take(30), queue.take(30), queue.take(30), queue.take(30)]).toEqual(['a', 'b', 'c', undefined]);
});
