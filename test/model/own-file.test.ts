// A document of a stream, taken as a file of its own, is exactly what its text says when it is read by itself.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { asOwnFile } from '../../src/model/own-file.ts';
import { parseDocuments } from '../../src/model/parse.ts';
import type { ParsedDocument } from '../../src/model/parsed-document.ts';

const paths = [
  [],
  ['spec'],
  ['spec', 'protocol'],
  ['spec', 'dependsOn', 0, 'listen'],
  ['metadata', 'name'],
  ['nowhere'],
];

function told({ key, document, text, source, begins, locate }: ParsedDocument): object {
  return { key, document, text, source, begins, places: paths.map(locate) };
}

function parsed(text: string, file: string): readonly ParsedDocument[] {
  const result = parseDocuments(text, file);
  return result.kind === 'parsed' ? result.documents : [];
}

const layouts = [
  (name: string) =>
    `apiVersion: cellwall/v1\nkind: Service\nmetadata:\n  name: ${name}\nspec:\n  protocol: http1\n  dependsOn:\n ` +
    `   - service: b\n      listen: 15001\n`,
  (name: string) => `{apiVersion: cellwall/v1, kind: Service, metadata: {name: ${name}}, spec: {protocol: tcp}}\n`,
  (name: string) =>
    `  apiVersion: "cellwall/v1"\n  kind: Service # a word\n  metadata: { name: ${name} }\n  spec: { protocol:\n    grpc }\n`,
  (name: string) =>
    `apiVersion: cellwall/v1\nkind: Cell\nmetadata: { name: ${name} }\nspec:\n  id: 7\n  region: |+\n    eu\n\n\n`,
  (name: string) => `apiVersion: cellwall/v1\r\nkind: Cell\r\nmetadata: {name: ${name}}\r\nspec: {id: 3}\r\n`,
];
const between = [
  '---\n',
  '--- ',
  '---   # why\n',
  '...\n---\n',
  '---\n\n# why\n# and more\n',
  '...\n# loose\n',
  '---\t\n',
  '...\n%YAML 1.2\n---\n',
];
const first = ['', '---\n', '# first\n\n', '\ufeff', '%YAML 1.2\n---\n', '--- # first\n'];

it('whatever stands between documents, and around them', () => {
  let compared = 0;
  const one = fc.tuple(fc.constantFrom(...between), fc.constantFrom(...layouts));
  fc.assert(
    fc.property(
      fc.constantFrom(...first),
      fc.array(one, { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      (head, all, cut) => {
        const text =
          head + all.map(([marker, layout], index) => (index === 0 ? '' : marker) + layout(`s${index}`)).join('');
        for (const document of parsed(cut ? text.trimEnd() : text, 'all.yaml')) {
          const own = asOwnFile(document, 'own.yaml');
          if (own === undefined) continue;
          compared++;
          const [alone, ...more] = parsed(document.text, 'own.yaml');
          expect(more).toEqual([]);
          expect(alone && told(own)).toEqual(alone && told(alone));
          expect(alone).toBeDefined();
        }
      },
    ),
    { numRuns: 200 },
  );
  expect(compared).toBeGreaterThan(100);
});

it('text that means something else at the start of a file is read by itself', () => {
  const [document] = parsed('apiVersion: cellwall/v1\nkind: Cell\nmetadata: {name: a}\nspec: {id: 1}\n', 'x');
  if (document === undefined) throw new Error('not parsed');
  for (const odd of ['%YAML 1.1\n', '\ufeff', '--- \n', '...\n']) {
    expect(asOwnFile({ ...document, text: odd + document.text }, 'y')).toBeUndefined();
  }
});
