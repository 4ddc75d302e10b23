import fc from 'fast-check';
import { expect, it } from 'vitest';
import { inStep, sameKeys } from '../../src/lib/in-step.ts';
import { equal, share } from '../../src/lib/share.ts';
import { changedPaths } from '../../src/lib/trace.ts';

const map = fc
  .array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom(undefined, 1, 2, Number.NaN)), { maxLength: 6 })
  .map((entries) => new Map(entries));

it('is what differs, whatever the order of the keys (property)', () => {
  fc.assert(
    fc.property(map, map, (before, after) => {
      const expected = [...after].filter(([key, value]) => !before.has(key) || !Object.is(before.get(key), value));
      const found = [...inStep(before, after)];
      expect(found.map(({ key, other }) => [key, other])).toEqual(expected);
      for (const { key, one } of found) expect(one).toBe(before.get(key));
      expect(sameKeys(before, after)).toBe(JSON.stringify([...before.keys()]) === JSON.stringify([...after.keys()]));
      const gone = [...before.keys()].filter((key) => !after.has(key) && before.get(key) !== undefined);
      const paths = changedPaths({ of: before }, { of: after }).filter((path) => path.startsWith('\0of\0'));
      // What is not there reads like what has no value.
      const changed = expected.flatMap(([key, value]) => (Object.is(before.get(key), value) ? [] : [key]));
      expect(paths.toSorted()).toEqual([...changed, ...gone].map((key) => `\0of\0${key}`).toSorted());
    }),
  );
});

it('shares maps with the one before, in parts or as a whole (property)', () => {
  const nested = fc
    .array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.array(fc.constantFrom(1, 2), { maxLength: 2 })), {
      maxLength: 5,
    })
    .map((entries) => new Map(entries));
  fc.assert(
    fc.property(nested, nested, (before, after) => {
      const given = new Map(after);
      const shared = share(before, after);
      expect([...shared]).toEqual([...given]);
      // What was given stays as it was.
      expect([...after]).toEqual([...given]);
      for (const [key, value] of shared) if (equal(before.get(key), value)) expect(value).toBe(before.get(key));
      if (equal(before, after)) expect(shared).toBe(before);
    }),
  );
});
