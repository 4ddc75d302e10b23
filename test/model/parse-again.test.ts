// A text that is parsed again where it was edited says what it would say to a first reader.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseDocuments } from '../../src/model/parse.ts';
import { parseAgain } from '../../src/model/parse-again.ts';
import type { ParsedDocument } from '../../src/model/parsed-document.ts';
import { qualifying } from '../support/figure.ts';

const places = [[], ['metadata', 'name'], ['spec', 'id'], ['spec', 'region']];
const all = (documents: readonly ParsedDocument[]) =>
  documents.map(({ locate, ...rest }) => ({ ...rest, places: places.map((path) => locate(path)) }));

const cell = fc
  .tuple(
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: 99 }),
    fc.boolean(),
    fc.constantFrom('', '# why\n', '\n\n'),
  )
  .map(
    ([name, id, wrong, before]) =>
      `${before}apiVersion: cellwall/v1\nkind: Cell\nmetadata: {name: c${name}}\nspec:\n  id: ` +
      `${wrong && id > 95 ? 'x' : id}\n  region: |-\n    east\n`,
  );
const odd = fc.constantFrom(
  '# only a comment\n',
  '',
  '\n',
  'a: [1\n',
  '%YAML 1.2\n',
  '...\n',
  'apiVersion: cellwall/v1\nkind: Cell\nmetadata: {name: b}\nspec: {id: 3}',
  'x: |\n  ---\n  text\n',
  '"a\n---\nb"\n',
  '\ufeff',
);
const part = fc.oneof({ weight: 12, arbitrary: cell }, odd);
const separator = fc.oneof(
  { weight: 8, arbitrary: fc.constant('---\n') },
  fc.constantFrom('--- \n', '---\r\n', '--- # more\n', '---', '--- {}\n', '----\n'),
);
const text = fc.array(fc.tuple(part, separator), { minLength: 1, maxLength: 6 }).map((parts) => parts.flat().join(''));

it(
  'says the same as a first reading (property)',
  () => {
    let [parsed, kept] = [0, 0];
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 2, maxLength: 4 }),
        fc.array(fc.nat({ max: 5 }), { maxLength: 3 }),
        (texts, picked) => {
          let known: readonly ParsedDocument[] = [];
          // Edits that keep most of what there is, among others.
          const pieces = texts[0]?.split('---\n') ?? [];
          const mixed = picked.map((at) =>
            [...pieces.slice(0, at), ...(texts[1]?.split('---\n').slice(0, 1) ?? []), ...pieces.slice(at)].join(
              '---\n',
            ),
          );
          for (const one of [...texts.slice(0, 1), ...mixed, ...texts]) {
            const whole = parseDocuments(one, 'f.yaml');
            const again = parseAgain(one, 'f.yaml', known);
            if (whole.kind === 'invalid' || again.kind === 'invalid') {
              expect(again).toEqual(whole);
              continue;
            }
            expect(all(again.documents)).toEqual(all(whole.documents));
            parsed += 1;
            kept += again.documents.filter((document) => known.includes(document)).length;
            known = again.documents;
          }
        },
      ),
      { numRuns: qualifying ? 20_000 : 1000 },
    );
    expect(parsed).toBeGreaterThan(100);
    expect(kept).toBeGreaterThan(100);
  },
  qualifying ? 600_000 : 30_000,
);

it('gives the very same of what stands where it stood, and of what was moved what it was, however often', () => {
  const one = (id: number, name = `c${id}`) =>
    `apiVersion: cellwall/v1\nkind: Cell\nmetadata: {name: ${name}}\nspec: {id: ${id}}\n`;
  const documentsOf = (read: string, known: readonly ParsedDocument[] = []) => {
    const result = parseAgain(read, 'f.yaml', known);
    if (result.kind === 'invalid') throw new Error(JSON.stringify(result.problems));
    return result.documents;
  };
  const first = documentsOf([1, 2, 3].map((id) => one(id)).join('---\n'));
  const changed = documentsOf([one(1), one(9, 'c2'), one(3)].join('---\n'), first);
  expect(changed.map((document, index) => document === first[index])).toEqual([true, false, true]);
  const moved = documentsOf([`# moved\n${one(1)}`, one(2), one(3)].join('---\n'), first);
  expect(moved.map(({ locate }) => locate(['spec', 'id']).line)).toEqual([5, 10, 15]);
  expect(documentsOf([1, 2, 3].map((id) => one(id)).join('---\n'), moved)[2]).toBe(first[2]);
});
