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
  expect(judge.check(mesh('a.test')).problems).toEqual([]);
  judge.fix(parseTrustDomain('a.test') as TrustDomain);
  expect(judge.check(mesh('a.test')).problems).toEqual([]);
  expect(judge.check(mesh('b.test')).problems).toMatchObject([
    { severity: 'error', code: 'trust-domain-changed', source: { file: 'mesh.yaml', line: 5 } },
  ]);
});

it('refuses a raw resource that Envoy would, at its line', () => {
  const raw = `---
apiVersion: cellwall/v1
kind: EnvoyResource
metadata: {name: raw}
spec:
  selector: {all: true}
  resource:
    "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
    name: extra
    connect_timeout: 0s
`;
  const text = `apiVersion: cellwall/v1\nkind: Mesh\nmetadata: {name: m}\nspec: {trustDomain: a.test}\n${raw}`;
  const parsed = parseDocuments(text, 'raw.yaml');
  if (parsed.kind !== 'parsed') throw new Error('does not parse');
  expect(createJudge().check(parsed.documents).problems).toMatchObject([
    { severity: 'error', code: 'constraint', source: { file: 'raw.yaml', line: 14 } },
  ]);
});
