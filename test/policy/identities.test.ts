// Which identity evidence earns, and whose an identity is. What an attestor proves is written by hand here; the documents are judged, with
// an attestor that takes templates, in test/seams/attestor.
import { describe, expect, it } from 'vitest';
import type { DocumentKey } from '../../src/model/documents/document.ts';
import type { Evidence, Selector } from '../../src/model/evidence.ts';
import { parseIdentityTemplate } from '../../src/model/identity-template.ts';
import { earnedIdentity, examples, someBeginsWith, workloadOf } from '../../src/policy/identities.ts';
import type { IdentitiesIr, TemplateWorkloadIr, WorkloadIr } from '../../src/policy/ir.ts';
import { idOf } from '../support/identity-harness.ts';
import { cellText, meshOf, meshText, problemsOf, serviceText, workloadText, yaml } from '../support/resolve-text.ts';

const evidence = (values: Readonly<Record<string, string>>): Evidence => ({ attestor: 'join-token', values });
const common = {
  document: 'Workload/a' as DocumentKey,
  source: { file: 'a.yaml', line: 3, column: 1 },
  lifetimeMs: 1000,
  dnsNames: [],
};
const selectorsOf = (...matches: readonly Selector['match'][]): readonly Selector[] =>
  matches.map((match) => ({ attestor: 'join-token', match }));

function template(text: string, ...matches: readonly Selector['match'][]): TemplateWorkloadIr {
  const parsed = parseIdentityTemplate(text);
  if (parsed === undefined) throw new Error(`no template: ${text}`);
  return { ...common, template: parsed, selectors: selectorsOf(...matches) };
}

function identities(
  exact: Readonly<Record<string, Selector['match']>>,
  ...templates: readonly TemplateWorkloadIr[]
): IdentitiesIr {
  const entries = Object.entries(exact).map(([text, match]): [WorkloadIr['spiffeId'], WorkloadIr] => [
    idOf(text),
    { ...common, spiffeId: idOf(text), selectors: selectorsOf(match) },
  ]);
  return { exact: new Map(entries), templates };
}

const jobs = template('spiffe://td1/ci/{project}/{ref}', { protected: 'true' });

describe('evidence', () => {
  const all = identities({ 'spiffe://td1/deployer': { protected: 'true', project: '7' } }, jobs);

  it('earns the ID that its values make', () => {
    expect(earnedIdentity(all, evidence({ protected: 'true', project: '8', ref: 'a/b' }))).toEqual({
      kind: 'earned',
      spiffeId: 'spiffe://td1/ci/8/a_2fb',
    });
  });

  it('earns the identity that asks for more, whatever the order', () => {
    const wanted = { kind: 'earned', spiffeId: 'spiffe://td1/deployer' };
    expect(earnedIdentity(all, evidence({ protected: 'true', project: '7', ref: 'main' }))).toEqual(wanted);
  });

  it.each([
    [{ protected: 'false', project: '7', ref: 'main' }, /no Workload's selectors match/],
    [{ project: '7', ref: 'main' }, /no Workload's selectors match/],
    [{ protected: 'true', project: '8' }, /cannot be made of what was proved/],
    [{ protected: 'true', project: '8', ref: 'x'.repeat(2048) }, /cannot be made of what was proved/],
    [{}, /no Workload's selectors match/],
  ])('%j earns nothing', (values, reason) => {
    const is = earnedIdentity(all, evidence(values as Readonly<Record<string, string>>));
    expect(is).toMatchObject({ kind: 'nothing', reason: expect.stringMatching(reason) });
  });
});

describe('an identity', () => {
  const fixed = template('spiffe://td1/ci/{project}/{ref}', { project: '7' }, { project: '8', ref: 'main' });
  const all = identities({ 'spiffe://td1/deployer': {} }, fixed);

  it.each([
    ['spiffe://td1/deployer', true],
    ['spiffe://td1/ci/7/any_2fref', true],
    ['spiffe://td1/ci/8/main', true],
    ['spiffe://td1/ci/8/other', false],
    ['spiffe://td1/ci/9/main', false],
    ['spiffe://td1/ci/7/any_2Fref', false],
    ['spiffe://td1/ci/7', false],
  ])('%s is known: %j', (text, known) => {
    expect(workloadOf(all, idOf(text)) !== undefined).toBe(known);
  });

  it.each([
    ['spiffe://td1/', true],
    ['spiffe://td1/ci/', true],
    ['spiffe://td1/ci/7/', true],
    ['spiffe://td1/ci/9/', false],
    ['spiffe://td1/ci/7/main/', false],
    ['spiffe://td1/job/', false],
  ])('somebody begins with %s: %j', (prefix, known) => {
    expect(someBeginsWith(all, prefix)).toBe(known);
  });

  it('has an example of every Workload, which is known', () => {
    expect(examples(all)).toEqual(['spiffe://td1/deployer', 'spiffe://td1/ci/7/x']);
  });
});

describe('documents', () => {
  const base = [meshText('strict'), cellText('cell-1', 1), serviceText('cell-1/api')];
  const problems = (...more: readonly string[]) => problemsOf(yaml(...base, ...more));

  it('let a join token earn the one identity that it was made for', () => {
    const { identities: all } = meshOf(
      yaml(...base, workloadText('router', '{identity: {spiffeId: "spiffe://td1/edge/router"}}')),
    );
    for (const id of ['spiffe://td1/edge/router', 'spiffe://td1/cell/cell-1/service/api']) {
      expect(earnedIdentity(all, evidence({ spiffe_id: id }))).toEqual({ kind: 'earned', spiffeId: id });
    }
    const other = earnedIdentity(all, evidence({ spiffe_id: 'spiffe://td1/edge/other' }));
    expect(other).toMatchObject({ kind: 'nothing', reason: expect.stringMatching(/no document gives .*other/) });
  });

  it.each([
    ['match', '{identity: {spiffeId: "spiffe://td1/a"}, selectors: [{attestor: join-token, match: {host: web}}]}'],
    [
      'spiffe_id',
      '{identity: {spiffeId: "spiffe://td1/a"}, selectors: [{attestor: join-token, match: {spiffe_id: x}}]}',
    ],
    ['template', '{identity: {template: "spiffe://td1/ci/{project_id}"}}'],
  ])('say which keys an attestor does not prove: %s', (_what, spec) => {
    expect(problems(workloadText('job', spec))).toMatchObject([
      { severity: 'error', code: 'unknown-key', hint: expect.stringMatching(/for one exact identity/) },
    ]);
  });

  it.each([
    'spiffe://td1/{a}',
    'spiffe://td1/{a}/ci',
    'spiffe://td1/cellwall/{a}',
    'spiffe://td1/cellwall/operator/{a}',
    'spiffe://td1/service/{a}',
    'spiffe://td1/cell/{a}',
    'spiffe://td1/cell/{a}/service/api',
    'spiffe://td1/cell/cell-1/{a}',
    'spiffe://td1/cell/cell-1/service/{a}',
    'spiffe://td1/cell/cell-1/{a}/api',
  ])('give no template of what is not theirs: %s', (text) => {
    const found = problems(workloadText('job', `{identity: {template: "${text}"}}`));
    expect(found.map(({ code, path }) => [code, path])).toEqual([['reserved-identity', 'spec.identity.template']]);
  });

  it('give no template of another trust domain, and say what a template is', () => {
    const foreign = problems(workloadText('job', '{identity: {template: "spiffe://td2/ci/{a}"}}'));
    expect(foreign.map(({ code }) => code)).toEqual(['foreign-trust-domain']);
    expect(() => problems(workloadText('job', '{identity: {template: "spiffe://td1/ci/x{a}"}}'))).toThrow(
      /not a template of SPIFFE IDs/,
    );
  });
});
