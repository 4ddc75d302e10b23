// docs/causes.md has a heading for every cause that there is, and no other.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectRoot } from '../support/source-files.ts';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

it('the page has the causes of the code', () => {
  const listed = read('docs/causes.md').matchAll(/^### `([a-z-]+)`\n\S/gm);
  const kinds = [
    ...read('src/doctor/cause.ts').matchAll(/kind: '([a-z-]+)'/g),
    ...read('src/doctor/answer-words.ts').matchAll(/^ {2}\| '([a-z-]+)'/gm),
    ...read('src/doctor/mesh/look-at-control.ts').matchAll(/^ {2}'([a-z-]+)',$/gm),
    ...read('src/doctor/svid/svid-fault.ts').matchAll(/readonly kind: '([a-z-]+)'/g),
  ];
  // Wrappers of the others.
  const known = kinds.map(([, name = '']) => name).filter((name) => name !== 'answered' && name !== 'endpoint');
  expect(known.length).toBeGreaterThan(60);
  expect([...listed].map(([, name]) => name).toSorted()).toEqual([...new Set(known)].toSorted());
});
