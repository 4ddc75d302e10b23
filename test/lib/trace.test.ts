// What a computation read, and whether it would read the same again.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { equal, share } from '../../src/lib/share.ts';
import { trace } from '../../src/lib/trace.ts';

type Inputs = {
  readonly text: string;
  readonly lists: ReadonlyMap<string, readonly number[]>;
  readonly things: ReadonlyMap<string, { readonly size: number; readonly inner?: { readonly deep: string } }>;
};
const inputs: Inputs = {
  text: 'x',
  lists: new Map([['a', [1, 2]]]),
  things: new Map([
    ['one', { size: 1, inner: { deep: 'd' } }],
    ['two', { size: 2 }],
  ]),
};
const things = (
  ...more: readonly (readonly [string, { readonly size: number; readonly inner?: { readonly deep: string } }])[]
) => new Map([...inputs.things, ...more]);

it.each<[string, (given: Inputs) => unknown, Inputs, boolean]>([
  [
    'a field of one entry',
    ({ things: all }) => all.get('one')?.size,
    { ...inputs, things: things(['one', { size: 3 }]) },
    false,
  ],
  [
    'another field of it',
    ({ things: all }) => all.get('one')?.size,
    { ...inputs, things: things(['one', { size: 1 }]) },
    true,
  ],
  [
    'another entry',
    ({ things: all }) => all.get('one')?.size,
    { ...inputs, things: things(['two', { size: 9 }]) },
    true,
  ],
  [
    'one that was not there',
    ({ things: all }) => all.get('none'),
    { ...inputs, things: things(['none', { size: 1 }]) },
    false,
  ],
  [
    'whether it is there',
    ({ things: all }) => all.has('one'),
    { ...inputs, things: things(['one', { size: 7 }]) },
    true,
  ],
  ['how many there are', ({ things: all }) => all.size, { ...inputs, things: things(['none', { size: 1 }]) }, false],
  ['all keys', ({ things: all }) => [...all.keys()], { ...inputs, things: things(['one', { size: 7 }]) }, true],
  [
    'all sizes',
    ({ things: all }) => [...all.values()].map(({ size }) => size),
    { ...inputs, things: things(['one', { size: 7 }]) },
    false,
  ],
  [
    'an entry as a whole',
    ({ things: all }) => JSON.stringify(all.get('two')),
    { ...inputs, things: things(['two', { size: 2, inner: { deep: '' } }]) },
    false,
  ],
  [
    'a copy of an entry',
    ({ things: all }) => ({ ...all.get('two') }).size,
    { ...inputs, things: things(['two', { size: 2, inner: { deep: '' } }]) },
    false,
  ],
  [
    'a field that is not set',
    ({ things: all }) => all.get('two')?.inner?.deep,
    { ...inputs, things: things(['two', { size: 2, inner: { deep: '' } }]) },
    false,
  ],
  ['a list, equal', ({ lists }) => lists.get('a')?.[0], { ...inputs, lists: new Map([['a', [1, 2]]]) }, true],
  ['a list, another', ({ lists }) => lists.get('a')?.[0], { ...inputs, lists: new Map([['a', [1, 3]]]) }, false],
  ['a text', ({ text }) => text, { ...inputs, text: 'y' }, false],
  ['nothing', () => 1, { text: 'y', lists: new Map(), things: new Map() }, true],
])('holds for as long as what was read is the same: %s', (_, make, next, holds) => {
  const traced = trace(inputs, make, { same: equal });
  expect(traced.holds(inputs)).toBe(true);
  expect(traced.holds(next)).toBe(holds);
  expect(traced.value).toEqual(make(inputs));
  if (holds) expect(make(next)).toEqual(traced.value);
});

it('is not about what is read when the computation is over', () => {
  const later: (() => unknown)[] = [];
  const traced = trace(inputs, ({ things: all }) => void later.push(() => all.get('one')?.size), { same: equal });
  expect(later.map((read) => read())).toEqual([1]);
  expect(traced.holds({ ...inputs, things: things(['one', { size: 9 }]) })).toBe(true);
});

/** A random program over random data: reads that lead to other reads. */
const data = fc.dictionary(
  fc.constantFrom('a', 'b', 'c'),
  fc.record(
    {
      to: fc.constantFrom('a', 'b', 'c', 'd'),
      n: fc.nat({ max: 2 }),
      list: fc.array(fc.nat({ max: 1 }), { maxLength: 2 }),
    },
    { noNullPrototype: true },
  ),
  { noNullPrototype: true },
);
const program = fc.array(fc.constantFrom('follow', 'n', 'list', 'keys', 'size', 'has', 'spread'), {
  minLength: 1,
  maxLength: 6,
});
type Data = ReadonlyMap<string, { readonly to: string; readonly n: number; readonly list: readonly number[] }>;

function runProgram(steps: readonly string[], { all }: { readonly all: Data }): unknown {
  let at = 'a';
  return steps.map((step) => {
    const here = all.get(at);
    switch (step) {
      case 'follow':
        at = here?.to ?? 'a';
        return at;
      case 'n':
        return here?.n;
      case 'list':
        return here?.list.join();
      case 'keys':
        return [...all.keys()];
      case 'size':
        return all.size;
      case 'has':
        return all.has('d');
      default:
        return { ...here };
    }
  });
}

it('that it holds means that the result is the same, and of equal inputs it always holds (property)', () => {
  let held = 0;
  fc.assert(
    fc.property(program, data, data, (steps, one, other) => {
      const [before, after] = [one, other].map((given) => ({ all: new Map(Object.entries(given)) }));
      if (before === undefined || after === undefined) throw new Error('two are given');
      const make = (given: { readonly all: Data }) => JSON.stringify(runProgram(steps, given));
      const traced = trace(before, make, { same: equal });
      expect(traced.value).toBe(make(before));
      expect(traced.holds({ all: new Map([...before.all].map(([key, value]) => [key, { ...value }])) })).toBe(true);
      if (!traced.holds(after)) return;
      held += 1;
      expect(make(after)).toBe(traced.value);
    }),
    { numRuns: 2000 },
  );
  expect(held).toBeGreaterThan(50);
});

const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.nat({ max: 2 }),
    fc.constant(undefined),
    fc.array(tie('any'), { maxLength: 3 }),
    tie('object'),
    tie('map'),
    tie('set'),
  ),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('any'), { noNullPrototype: true }),
  map: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), tie('any')), { maxLength: 3 }).map((list) => new Map(list)),
  set: fc.array(fc.nat({ max: 3 }), { maxLength: 3 }).map((list) => new Set(list)),
})).any;

/** `toEqual` calls a map of another class different, whatever is in it; `share` may give one. */
function plainMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainMaps);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, plainMaps(item)]));
  if (value === null || typeof value !== 'object' || value instanceof Set) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainMaps(item)]));
}

it('what is shared is equal to what it was, and the very same where both were equal (property)', () => {
  fc.assert(
    fc.property(value, value, (before, after) => {
      expect(plainMaps(share(before, after))).toEqual(plainMaps(after));
      expect(equal(share(before, after), after)).toBe(true);
      const again = structuredClone(before);
      expect(equal(before, again)).toBe(true);
      expect(share(before, again)).toBe(before);
    }),
    { numRuns: 2000 },
  );
  const layered = share(
    new Map([['a', new Map()]]),
    new Map<string, unknown>([
      ['b', 0],
      ['a', new Map()],
    ]),
  );
  expect([...layered]).toEqual([
    ['b', 0],
    ['a', new Map()],
  ]);
  const [one, other] = [
    { a: { b: 1 }, c: [1] },
    { a: { b: 1 }, c: [2] },
  ];
  expect(share(one, other).a).toBe(one.a);
});

it('two that are not the same are not equal: other orders, other lengths, other kinds', () => {
  expect(
    equal(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
      new Map([
        ['b', 2],
        ['a', 1],
      ]),
    ),
  ).toBe(false);
  expect(equal([1], [1, undefined])).toBe(false);
  expect(equal({ a: undefined }, {})).toBe(false);
  expect(equal(new Set([1]), [1])).toBe(false);
  expect(equal(new Map(), {})).toBe(false);
});
