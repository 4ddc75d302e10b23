import { expect, it } from 'vitest';
import { parseDocuments } from '../../src/model/parse.ts';
import { parseTrustDomain, type TrustDomain } from '../../src/model/spiffe-id.ts';
import { createJudge } from '../../src/serve/judge.ts';

const mesh = (domain: string) => {
  const text = `apiVersion: cellwall/v1\nkind: Mesh\nmetadata: {name: m}\nspec:\n  trustDomain: ${domain}\n`;
  const parsed = parseDocuments(text, 'mesh.yaml');
  if (parsed.kind !== 'parsed') throw new Error('does not parse');
  return parsed.documents;
};

it('refuses another trust domain once one is in use, at its line', () => {
  const judge = createJudge();
  expect(judge.check(mesh('a.test'))).toEqual([]);
  judge.fix(parseTrustDomain('a.test') as TrustDomain);
  expect(judge.check(mesh('a.test'))).toEqual([]);
  expect(judge.check(mesh('b.test'))).toMatchObject([
    { severity: 'error', code: 'trust-domain-changed', source: { file: 'mesh.yaml', line: 5 } },
  ]);
});
