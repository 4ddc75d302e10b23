import fc from 'fast-check';
import { expect, it } from 'vitest';
import { differing } from '../../src/lib/differing.ts';

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
