// What was typed and not applied comes back to whoever typed it, and to nobody else.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { forgetDrafts, keepDraft, maxDrafts, readDraft } from '../../page/src/policies/kept-drafts.ts';

function storage(text?: string) {
  let kept = text ?? null;
  return {
    getItem: () => kept,
    setItem(_key: string, value: string) {
      kept = value;
    },
    removeItem() {
      kept = null;
    },
  };
}

const draft = { from: 'a: 1\n', text: 'a: 2\n' };

it('comes back as it was, whatever the document is called, until it is applied or discarded', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (name, from, text) => {
      const place = storage();
      keepDraft(place, 'ann', name, { from, text });
      expect(readDraft(place, 'ann', name)).toEqual({ from, text });
      keepDraft(place, 'ann', name, undefined);
      expect(readDraft(place, 'ann', name)).toBeUndefined();
    }),
  );
});

it("is nobody else's, and gone with whoever signs out", () => {
  const place = storage();
  keepDraft(place, 'ann', 'Mesh/mesh', draft);
  expect(readDraft(place, 'bob', 'Mesh/mesh')).toBeUndefined();
  keepDraft(place, 'bob', 'Service/api', draft);
  expect(readDraft(place, 'ann', 'Mesh/mesh')).toBeUndefined();
  forgetDrafts(place);
  expect(readDraft(place, 'bob', 'Service/api')).toBeUndefined();
});

it('is one of the latest twenty, and lost without a word where nothing can be kept', () => {
  const place = storage();
  for (let at = 0; at <= maxDrafts; at += 1) keepDraft(place, 'ann', `Service/s${at}`, draft);
  expect(readDraft(place, 'ann', 'Service/s0')).toBeUndefined();
  expect(readDraft(place, 'ann', `Service/s${maxDrafts}`)).toEqual(draft);
  const full = {
    getItem: () => null,
    setItem() {
      throw new Error('QuotaExceededError');
    },
  };
  expect(() => keepDraft(full, 'ann', 'Service/a', draft)).not.toThrow();
});

it('is nothing where something else is', () => {
  const others = [
    '{',
    'null',
    '[]',
    '{"who":"ann"}',
    '{"who":"ann","drafts":[{}]}',
    '{"who":"ann","drafts":{"x":{"from":1}}}',
  ];
  for (const other of others) expect(readDraft(storage(other), 'ann', 'x')).toBeUndefined();
  expect(readDraft(storage(), 'ann', 'toString')).toBeUndefined();
});
