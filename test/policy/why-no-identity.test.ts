// Which selector came closest, for evidence that earns nothing; and that what an attacker chose is cut short.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { attestorNames, keysOf } from '../../src/model/attestors.ts';
import { tokenEvidence } from '../../src/model/evidence.ts';
import { earnedIdentity } from '../../src/policy/identities.ts';
import { whyNoIdentity } from '../../src/policy/why-no-identity.ts';
import { idOf } from '../support/identity-harness.ts';
import { meshOf, meshText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';

const kubernetes = (match: string): string => `{attestor: kubernetes, match: {${match}}}`;
const { identities } = meshOf(
  yaml(
    meshText(),
    serviceText('api'),
    workloadText(
      'pod',
      `{identity: {spiffeId: "spiffe://td1/pod"}, selectors: [${kubernetes('cluster: prod, namespace: web, service_account: a')}]}`,
    ),
    workloadText(
      'each',
      `{identity: {template: "spiffe://td1/k/{namespace}/{service_account}"}, selectors: [${kubernetes('cluster: test')}]}`,
    ),
  ),
);
const why = (values: Readonly<Record<string, string>>): readonly string[] =>
  whyNoIdentity(identities, { attestor: 'kubernetes', values });

it('says of the selectors of that attestor what did not match, the closest first', () => {
  expect(why({ cluster: 'prod', namespace: 'web', service_account: 'b' })).toEqual([
    expect.stringMatching(
      /^the selector of spiffe:\/\/td1\/pod at test\.yaml:\d+: service_account must be "a", and is "b"$/,
    ),
    expect.stringMatching(
      /^the selector of spiffe:\/\/td1\/k\/\{namespace\}.*: cluster must be "test", and is "prod"$/,
    ),
  ]);
  expect(why({ cluster: 'test', namespace: 'web' })[0]).toMatch(
    /its template takes service_account, which was not proved$/,
  );
  expect(why({})[0]).toMatch(/cluster must be "test", and was not proved$/);
});

it('says of an attestor that no document names, and of a token, what is there', () => {
  expect(whyNoIdentity(identities, { attestor: 'aws-instance', values: {} })).toEqual([
    'no Workload has a selector "aws-instance"',
  ]);
  expect(whyNoIdentity(identities, tokenEvidence(idOf('spiffe://td1/gone')))).toEqual([
    'no Service or Workload has the identity spiffe://td1/gone',
  ]);
  expect(whyNoIdentity(identities, tokenEvidence(idOf('spiffe://td1/pod')))[0]).toMatch(
    /has no selector "join-token": it has kubernetes$/,
  );
});

// Those of jobs have rules of their own about which keys may stand alone.
const ofJobs = ['gitlab-id-token', 'gitlab-runner'];
const single = attestorNames.filter((name) => !ofJobs.includes(name) && keysOf(name).length > 0);
it.each(single.flatMap((name) => keysOf(name).map((key) => [name, key] as const)))(
  'names the value of %s that did not match, or was not proved: %s',
  (attestor, key) => {
    const selector = `{attestor: ${attestor}, match: {${key}: wanted}}`;
    const one = workloadText('one', `{identity: {spiffeId: "spiffe://td1/one"}, selectors: [${selector}]}`);
    const { identities: mesh } = meshOf(yaml(meshText(), serviceText('api'), one));
    const whyOf = (values: Readonly<Record<string, string>>) => whyNoIdentity(mesh, { attestor, values });
    expect(earnedIdentity(mesh, { attestor, values: { [key]: 'wanted' } }).kind).toBe('earned');
    expect(whyOf({ [key]: 'another' }).join()).toContain(`${key} must be "wanted", and is "another"`);
    expect(whyOf({}).join()).toContain(`${key} must be "wanted", and was not proved`);
  },
);

it('explains whatever earns nothing, in few and short words', () => {
  const value = fc.oneof(fc.constantFrom('prod', 'test', 'web', 'a'), fc.string(), fc.constant('x'.repeat(100_000)));
  const values = fc.dictionary(fc.constantFrom('cluster', 'namespace', 'service_account', '__proto__'), value);
  fc.assert(
    fc.property(values, (proved) => {
      const evidence = { attestor: 'kubernetes', values: proved } as const;
      const lines = whyNoIdentity(identities, evidence);
      if (earnedIdentity(identities, evidence).kind === 'earned') return;
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.length).toBeLessThanOrEqual(6);
      for (const line of lines) expect(line.length).toBeLessThan(3000);
      for (const line of lines) expect(line).toMatch(/must be|template/);
    }),
  );
});
