// What files say after an edit, read on top of what is known, is what they say to a first reader.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ParsedDocument } from '../../src/model/parsed-document.ts';
import { type DocumentFiles, readFiles } from '../../src/store/directory/judge-files.ts';

const plain = (documents: readonly ParsedDocument[]) =>
  documents.map(({ locate, ...rest }) => ({ ...rest, id: locate(['spec', 'id']) }));

/** Names are few, so that a document moves between files, and is in two of them at times. */
const document = fc
  .tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.integer({ min: 1, max: 3 }))
  .map(([name, id]) => `apiVersion: cellwall/v1\nkind: Cell\nmetadata: {name: ${name}}\nspec: {id: ${id}}\n`);
const file = fc.oneof(
  { weight: 9, arbitrary: fc.array(document, { maxLength: 3 }).map((documents) => documents.join('---\n')) },
  fc.constant('kind: ['),
);
const texts = fc
  .dictionary(fc.constantFrom('one.yaml', 'two.yaml', 'three.yaml'), file)
  .map((files) => new Map(Object.entries(files)));

it('is what it is without what is known (property)', () => {
  const seen = { good: 0, bad: 0 };
  fc.assert(
    fc.property(fc.array(texts, { minLength: 2, maxLength: 6 }), (states) => {
      let known: DocumentFiles | undefined;
      for (const state of states) {
        const read = readFiles(state, known);
        const first = readFiles(state, undefined);
        expect(plain(read.documents)).toEqual(plain(first.documents));
        expect(read.unreadable).toEqual(first.unreadable);
        seen[read.unreadable.length === 0 ? 'good' : 'bad'] += 1;
        // The last good stays known, and what is wrong is read on top of it.
        if (read.unreadable.length === 0) known = read;
      }
    }),
    { numRuns: 1000 },
  );
  expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(100);
});
