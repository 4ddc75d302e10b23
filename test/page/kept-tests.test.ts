// Tests of calls that a browser keeps: what was kept comes back, and nothing else that may be there.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type CallTest, keepTests, maxTests, readTests } from '../../page/src/policies/kept-tests.ts';

function storage(text?: string) {
  let kept = text ?? null;
  return {
    getItem: () => kept,
    setItem(_key: string, value: string) {
      kept = value;
    },
  };
}

const text = fc.string({ minLength: 1, maxLength: 40 });
const test = fc
  .record({ caller: text, target: text, expect: fc.constantFrom('allowed' as const, 'denied' as const) })
  .chain((one) => fc.constantFrom<CallTest>(one, { ...one, method: 'GET' }, { ...one, method: 'GET', path: '/' }));

it('comes back as it was kept, up to fifty', () => {
  fc.assert(
    fc.property(fc.array(test, { maxLength: 60 }), (tests) => {
      const place = storage();
      keepTests(place, tests);
      expect(readTests(place)).toEqual(tests.slice(0, maxTests));
    }),
  );
});

it('is nothing where something else is', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (other) => {
      for (const one of readTests(storage(other))) expect(['allowed', 'denied']).toContain(one.expect);
    }),
  );
  expect(readTests(storage())).toEqual([]);
  for (const other of ['{', 'null', '[null]', '[{"caller":"a"}]', '[{"caller":"a","target":"b","expect":"maybe"}]']) {
    expect(readTests(storage(other))).toEqual([]);
  }
});
