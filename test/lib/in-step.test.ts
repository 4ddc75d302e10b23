import fc from 'fast-check';
import { expect, it } from 'vitest';
import { inStep, sameKeys, withValues } from '../../src/lib/in-step.ts';
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

it('has other values without a copy, and behaves like one (property)', () => {
  const values = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.constantFrom(0, 1, 2)), {
    maxLength: 3,
  });
  const begin = fc.constantFrom(new Map([...'abcd'].map((key) => [key, 0] as const)), new Map<string, number>());
  fc.assert(
    fc.property(begin, fc.array(values, { maxLength: 50 }), fc.nat(), (first, edits, pick) => {
      const all: { readonly made: ReadonlyMap<string, number>; readonly copy: ReadonlyMap<string, number> }[] = [
        { made: first, copy: new Map(first) },
      ];
      for (const edit of edits) {
        const last = all.at(-1) ?? { made: first, copy: first };
        all.push({ made: withValues(last.made, edit), copy: new Map([...last.copy, ...edit]) });
      }
      for (const { made, copy } of all) {
        expect([...made]).toEqual([...copy]);
        expect([...made.keys()]).toEqual([...copy.keys()]);
        expect([...made.values()]).toEqual([...copy.values()]);
        expect(made.size).toBe(copy.size);
        for (const key of 'abcdef') expect([made.get(key), made.has(key)]).toEqual([copy.get(key), copy.has(key)]);
        expect(equal(made, copy)).toBe(true);
      }
      const [one, other] = [all[pick % all.length], all[(pick * 7 + 1) % all.length]];
      if (one === undefined || other === undefined) throw new Error('there are some');
      const found = new Map([...inStep(one.made, other.made)].map((pair) => [pair.key, pair]));
      const expected = new Map([...inStep(one.copy, other.copy)].map((pair) => [pair.key, pair]));
      expect(found).toEqual(expected);
      expect(sameKeys(one.made, other.made)).toBe(sameKeys(one.copy, other.copy));
    }),
  );
  const layered = withValues(new Map([['a', 0]]), [['a', 1]]);
  expect(() => layered instanceof Map && layered.set('a', 2)).toThrow('not changed any more');
});
