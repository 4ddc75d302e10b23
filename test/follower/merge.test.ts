// What a follower's documents become when its parent's are known.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MergeInput, merge, versionOf } from '../../src/follower/merge.ts';

const mine = (key: string): boolean => key.startsWith('own');
type Texts = Readonly<Record<string, string>>;
const run = (parent: Texts, own: Texts, base: Texts, more: Partial<MergeInput> = {}) =>
  merge({
    parent: new Map(Object.entries(parent)),
    own: new Map(Object.entries(own)),
    base: new Map(Object.entries(base).map(([key, text]) => [key, versionOf(text)])),
    mayChange: mine,
    winner: 'parent',
    ...more,
  });

describe('documents of a follower', () => {
  it.each<
    [
      string,
      Texts,
      Texts,
      Texts,
      { changes?: Readonly<Record<string, string | undefined>>; conflicts?: string[]; local?: string[] },
    ]
  >([
    ['are the parent’s', { a: '1' }, {}, {}, { changes: { a: '1' } }],
    ['go where they went at the parent', {}, { a: '1' }, {}, { changes: { a: undefined } }],
    ['beyond the cell are put back', { a: '1' }, { a: 'x' }, {}, { changes: { a: '1' } }],
    [
      'of the cell follow as long as nobody changed them here',
      { own: '2' },
      { own: '1' },
      { own: '1' },
      { changes: { own: '2' } },
    ],
    ['of the cell that were changed here alone stay', { own: '1' }, { own: 'x' }, { own: '1' }, { local: ['own'] }],
    ['of the cell that were made here alone stay', {}, { own: 'x' }, {}, { local: ['own'] }],
    ['of the cell that were deleted here alone stay away', { own: '1' }, {}, { own: '1' }, { local: ['own'] }],
    ['deleted there and untouched here go', {}, { own: '1' }, { own: '1' }, { changes: { own: undefined } }],
    [
      'changed on both sides are a conflict',
      { own: '2' },
      { own: 'x' },
      { own: '1' },
      { changes: { own: '2' }, conflicts: ['own'] },
    ],
    [
      'changed here and deleted there are one',
      {},
      { own: 'x' },
      { own: '1' },
      { changes: { own: undefined }, conflicts: ['own'] },
    ],
    ['made on both sides are one', { own: '2' }, { own: 'x' }, {}, { changes: { own: '2' }, conflicts: ['own'] }],
    ['changed alike on both sides are none', { own: '2' }, { own: '2' }, { own: '1' }, {}],
  ])('%s', (_, parent, own, base, { changes = {}, conflicts = [], local = [] }) => {
    const merged = run(parent, own, base);
    expect({ ...merged, changes: Object.fromEntries(merged.changes) }).toMatchObject({ changes, conflicts, local });
    expect(Object.keys(Object.fromEntries(merged.changes))).toEqual(Object.keys(changes));
  });

  it('stay the cell’s own in a conflict where the local version wins', () => {
    const merged = run({ own: '2' }, { own: 'x' }, { own: '1' }, { winner: 'local' });
    expect(merged).toMatchObject({ conflicts: ['own'], local: ['own'] });
    expect(merged.changes.size).toBe(0);
    // It is told once: from then on it is a change that was made here alone.
    expect(merge({ ...input({ own: '2' }, { own: 'x' }), base: merged.base, winner: 'local' })).toMatchObject({
      conflicts: [],
      local: ['own'],
    });
  });

  const texts = fc.dictionary(
    fc.constantFrom('a', 'b', 'own1', 'own2', 'own3'),
    fc.constantFrom<string>('1', '2', '3'),
  );
  const input = (parent: Texts, own: Texts) => ({
    parent: new Map(Object.entries(parent)),
    own: new Map(Object.entries(own)),
    mayChange: mine,
  });

  it('are compared once: a second look changes nothing, and what the parent alone decides is as the parent has it', () => {
    fc.assert(
      fc.property(
        texts,
        texts,
        texts,
        fc.constantFrom<'parent' | 'local'>('parent', 'local'),
        fc.boolean(),
        (parent, own, base, winner, free) => {
          const mayChange = (key: string): boolean => free && mine(key);
          const first = run(parent, own, base, { winner, mayChange });
          const after = new Map(Object.entries(own));
          for (const [key, text] of first.changes) {
            if (text === undefined) after.delete(key);
            else after.set(key, text);
          }
          const second = merge({
            parent: new Map(Object.entries(parent)),
            own: after,
            base: first.base,
            mayChange,
            winner,
          });
          expect({ changes: [...second.changes], conflicts: second.conflicts }).toEqual({ changes: [], conflicts: [] });
          for (const key of new Set([...Object.keys(parent), ...after.keys()])) {
            if (!mayChange(key)) expect(after.get(key)).toBe(parent[key]);
          }
          // Nothing that was changed here is lost unless the parent changed it, too.
          if (free)
            for (const key of first.changes.keys())
              if (mine(key) && !first.conflicts.includes(key)) expect(own[key]).toBe(base[key]);
        },
      ),
    );
  });
});
