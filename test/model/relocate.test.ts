// Where a problem stands in another copy of its document.
import { expect, it } from 'vitest';
import type { Problem } from '../../src/model/problem.ts';
import { relocate } from '../../src/model/relocate.ts';
import { cellYaml, parsed, serviceYaml } from '../support/documents.ts';

const texts = [cellYaml('a', 1), `# of b\n${serviceYaml('b')}`, cellYaml('c', 3)];
const problemsIn = (documents: ReturnType<typeof parsed>) =>
  documents.flatMap(({ key, source, locate }) =>
    [source, locate(['metadata', 'name']), locate(['spec'])].map((place) => {
      return { severity: 'error', code: key, message: 'wrong', source: place } as const;
    }),
  );

it('is the same field of the same document, in whatever file and order', () => {
  const one = parsed(texts.join('---\n'), 'one.yaml');
  const other = [
    ...parsed([cellYaml('first', 9), texts[2], texts[0]].join('---\n'), 'other.yaml').slice(1),
    ...parsed(`# nothing\n---\n${texts[1]}`, 'third.yaml'),
  ];
  const sorted = (list: readonly Problem[]) =>
    list.toSorted((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : 0));
  expect(sorted(relocate(problemsIn(one), one, other))).toEqual(sorted(problemsIn(other)));
});

it('follows a document that begins in the middle of a line', () => {
  const [flow] = parsed('--- {apiVersion: cellwall/v1, kind: Cell, metadata: {name: a}, spec: {id: 1}}\n', 'a.yaml');
  const [own] = parsed(' {apiVersion: cellwall/v1, kind: Cell, metadata: {name: a}, spec: {id: 1}}\n', 'b.yaml');
  if (flow === undefined || own === undefined) throw new Error('no document');
  const [first] = relocate(problemsIn([flow]), [flow], [own]);
  expect(first?.source.file).toBe('b.yaml');
  expect(first?.source.line).toBe(1);
});

it('stays where the document is not among the others, and where no document is', () => {
  const one = parsed(texts.join('---\n'), 'one.yaml');
  const lost = { severity: 'error', code: 'x', message: 'x', source: { file: '(Mesh)', line: 1, column: 1 } } as const;
  const problems = [...problemsIn(one), lost];
  expect(relocate(problems, one, [])).toEqual(problems);
  expect(relocate([lost], one, one)).toEqual([lost]);
});
