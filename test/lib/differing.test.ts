import fc from 'fast-check';
import { expect, it } from 'vitest';
import { differing, spliced } from '../../src/lib/differing.ts';

it('is what stands between the common beginning and the common end (property)', () => {
  const list = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 8 });
  fc.assert(
    fc.property(list, list, list, list, (begin, one, other, end) => {
      const [before, after] = [
        [...begin, ...one, ...end],
        [...begin, ...other, ...end],
      ];
      const found = differing(before, after);
      const rest = before.slice(found.start + found.before.length);
      expect([...before.slice(0, found.start), ...found.before, ...rest]).toEqual(before);
      expect([...before.slice(0, found.start), ...found.after, ...rest]).toEqual(after);
      expect(found.before.length).toBeLessThanOrEqual(one.length);
      expect(found.after.length).toBeLessThanOrEqual(other.length);
    }),
  );
  expect(differing(['a'], ['a'])).toEqual({ before: [], after: [], start: 1 });
});

it('knows what was put in the place of what', () => {
  const list = ['a', 'b', 'c', 'd'];
  const next = spliced(list, 1, 2, ['x']);
  expect(next).toEqual(['a', 'x', 'd']);
  expect(list).toEqual(['a', 'b', 'c', 'd']);
  expect(differing(list, next)).toEqual({ before: ['b', 'c'], after: ['x'], start: 1 });
  expect(differing(next, list)).toEqual({ before: ['x'], after: ['b', 'c'], start: 1 });
  const last = spliced(next, 0, 0, ['z']);
  expect(differing(next, last)).toEqual({ before: [], after: ['z'], start: 0 });
  expect(differing(list, last)).toEqual({ before: ['a', 'b', 'c'], after: ['z', 'a', 'x'], start: 0 });
  expect(differing(list, last)).toEqual({ before: ['a', 'b', 'c'], after: ['z', 'a', 'x'], start: 0 });
});
