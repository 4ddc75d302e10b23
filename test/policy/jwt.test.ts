// Tokens in documents: what is refused, what is warned of, and what a record can tell of them.
import { describe, expect, it } from 'vitest';
import { answerExplain } from '../../src/admin/answer-explain.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import { portOf } from '../../src/policy/ports.ts';
import { createDecideRecorded } from '../../src/policy/replay/decide-recorded.ts';
import { createTokenKey } from '../support/mint-token.ts';
import { meshOf, policyText, problemsOf, serviceText, yaml } from '../support/resolve-text.ts';

const { jwk } = createTokenKey();
const source = '{jwt: {issuer: router, audience: topology}}';

const mesh = (key: object | string, more = ''): string =>
  `kind: Mesh\nmetadata: {name: mesh}\nspec:\n  trustDomain: td1\n  mtls: {mode: permissive}\n  jwtIssuers:\n  - ` +
  '{name: router, issuer: "https://i.test", jwks: ' +
  `${JSON.stringify(typeof key === 'string' ? key : JSON.stringify({ keys: [key] }))}${more}}`;
const rsa: Record<string, unknown> = JSON.parse(jwk);

function problems(...documents: readonly string[]): string[] {
  return problemsOf(yaml(...documents)).map(({ severity, code, message }) => `${severity} ${code}: ${message}`);
}

describe('issuers', () => {
  const { alg: _, ...withoutAlg } = rsa;
  it.each([
    ['no JSON', 'nonsense', 'error bad-jwks: the JWK Set is not JSON'],
    ['no keys', '{"keys": []}', 'error bad-jwks: the JWK Set has no keys'],
    ['a shared secret', { kty: 'oct', k: 'eA', alg: 'HS256' }, 'error bad-jwks: key 0 is of the type "oct"'],
    ['no algorithm', withoutAlg, 'error bad-jwks: key 0 does not say its algorithm'],
    ['a symmetric algorithm', { ...rsa, alg: 'HS256' }, 'error bad-jwks: key 0 says the algorithm "HS256"'],
    ['no algorithm at all', { ...rsa, alg: 'none' }, 'error bad-jwks: key 0 says the algorithm "none"'],
    ['a private key', { ...rsa, d: 'eA' }, 'error bad-jwks: key 0 contains a private key'],
    ['half a key', { kty: 'RSA', alg: 'RS256', n: 'eA' }, 'error bad-jwks: key 0 has no "e"'],
    ['a key that is none', { ...rsa, n: 'failedToFetch' }, 'error bad-jwks: key 0 is no key that can be read'],
    ['a key in other letters', { ...rsa, n: `${rsa['n']}==` }, 'error bad-jwks: key 0 has a "n" that is not base64url'],
    ['a short key', { ...rsa, n: String(rsa['n']).slice(0, 171) }, 'error bad-jwks: key 0 is no key that can be read'],
    [
      'a point that is not on its curve',
      { kty: 'EC', crv: 'P-256', alg: 'ES256', x: 'eA', y: 'eA' },
      'error bad-jwks: key 0 is no key that can be read',
    ],
  ])('%s', (_what, key, expected) => {
    expect(problems(mesh(key), serviceText('api'))).toEqual([expected]);
  });

  it('take their tokens from a header that callers may set', () => {
    expect(problems(mesh(rsa, ', header: x-cellwall-peer-id'), serviceText('api'))).toEqual([
      'error bad-token-header: the header x-cellwall-peer-id cannot carry a token',
    ]);
  });
});

describe('rules', () => {
  it.each([
    ['an unknown issuer', 'http1', '{jwt: {issuer: rooter, audience: x}}', 'allow', 'error unknown-jwt-issuer'],
    ['a deny rule', 'http1', source, 'deny', 'error jwt-denied'],
    ['a TCP service', 'tcp', source, 'allow', 'error http-on-tcp'],
  ])('%s', (_what, protocol, from, action, expected) => {
    const found = problems(
      mesh(rsa),
      serviceText('api', protocol),
      policyText('p', 'api', action, `[{from: [${from}]}]`),
    );
    expect(found.map((text) => text.split(':')[0])).toContain(expected);
  });

  it('of a strict service match nobody', () => {
    const found = problems(
      mesh(rsa),
      serviceText('api', 'http1', ', mtls: {mode: strict}'),
      policyText('p', 'api', 'allow', `[{from: [${source}]}]`),
    );
    expect(found).toEqual(['warning matches-nobody: api has no anonymous callers: it is strict']);
  });
});

describe('a token beside an identity', () => {
  const both =
    '{service: web, jwt: {issuer: router, audience: topology, claims: {ver: 1, roles: [a, b], gitlab: {id: "7"}}}}';
  const documents = [mesh(rsa), serviceText('api', 'http1', ', mtls: {mode: strict}'), serviceText('web')];
  const rule = (from: string): string => policyText('p', 'api', 'allow', `[{from: [${from}]}]`);

  it.each([
    ['{service: web, jwt: {issuer: rooter, audience: x}}', 'http1', 'allow', 'error unknown-jwt-issuer'],
    [both, 'http1', 'deny', 'error jwt-denied'],
    [both, 'tcp', 'allow', 'error http-on-tcp'],
  ])('%s on %s: %s', (from, protocol, action, expected) => {
    const all = [
      mesh(rsa),
      serviceText('api', protocol),
      serviceText('web'),
      policyText('p', 'api', action, `[{from: [${from}]}]`),
    ];
    expect(problemsOf(yaml(...all)).map(({ severity, code }) => `${severity} ${code}`)).toContain(expected);
  });

  it('is not asked of those who have none', () => {
    expect(() => problemsOf(yaml(...documents, rule('{anonymous: true, jwt: {issuer: router, audience: x}}')))).toThrow(
      '\\"anonymous\\" and \\"jwt\\" exclude each other',
    );
  });

  it.each([
    ['who has both', 'web+jwt:router,aud=topology,ver=1,roles=b,gitlab.id=7', 'allowed'],
    ['one of the values', 'web+jwt:router,aud=topology,ver=1,roles=x,roles=a,gitlab.id=7', 'allowed'],
    ['no token', 'web', 'denied'],
    ['another audience', 'web+jwt:router,aud=x,ver=1,roles=b,gitlab.id=7', 'denied'],
    ['a claim that is missing', 'web+jwt:router,aud=topology,ver=1,roles=b', 'denied'],
    ['another value', 'web+jwt:router,aud=topology,ver=2,roles=b,gitlab.id=7', 'denied'],
    ['the token alone', 'jwt:router,aud=topology,ver=1,roles=b,gitlab.id=7', 'denied'],
    ['somebody else with the token', 'api+jwt:router,aud=topology,ver=1,roles=b,gitlab.id=7', 'denied'],
  ])('%s', (_what, caller, decision) => {
    expect(answerExplain(meshOf(yaml(...documents, rule(both))), { caller, target: 'api' })).toMatchObject({
      decision,
    });
  });

  it('who lacks it is told what is asked for, and no rule that does without', () => {
    const answer = answerExplain(meshOf(yaml(...documents, rule(both))), { caller: 'web', target: 'api' });
    expect(answer.chain).toMatchObject([{ why: 'no token' }]);
    expect(answer.notes).toContain('p/0 asks for a token of router for "topology" as well');
    expect(answer.remedy).toBeUndefined();
  });

  it('asks nothing of other calls: those get the rule that they lack', () => {
    const mesh = meshOf(
      yaml(...documents, policyText('p', 'api', 'allow', `[{from: [${both}], to: [{path: {exact: /token}}]}]`)),
    );
    const other = answerExplain(mesh, { caller: 'web', target: 'api', path: '/other' });
    expect(other.remedy?.rule).toContain('exact: "/other"');
    // The control: the call of which it is asked.
    expect(answerExplain(mesh, { caller: 'web', target: 'api', path: '/token' }).remedy).toBeUndefined();
  });

  it('covers less than the identity alone, and nothing with another token', () => {
    const shadowed = (...from: string[]): boolean =>
      problemsOf(
        yaml(...documents, policyText('p', 'api', 'allow', `[${from.map((one) => `{from: [${one}]}`).join(', ')}]`)),
      ).some(({ code }) => code === 'rule-shadowed');
    expect(shadowed('{service: web}', both)).toBe(true);
    expect(shadowed('{authenticated: true, jwt: {issuer: router, audience: topology}}', both)).toBe(false);
    expect(shadowed(both, '{service: web}')).toBe(false);
    expect(shadowed(both, both)).toBe(true);
  });

  it('a record cannot tell who had it', () => {
    const resolved = meshOf(yaml(...documents, rule(both)));
    const service = portOf(resolved, 'api' as ServiceKey);
    if (service === undefined) throw new Error('no api');
    const decide = createDecideRecorded(resolved, service);
    const path = { kind: 'exact', path: '/' } as const;
    expect(decide({ caller: 'mtls', principal: 'spiffe://td1/service/web', method: 'GET', path }).outcome).toBe(
      'unknown',
    );
    expect(decide({ caller: 'mtls', principal: 'spiffe://td1/service/api', method: 'GET', path }).outcome).toBe(
      'denied',
    );
  });
});

it('a record cannot tell who would have come by a token, and can of those with an identity', () => {
  const resolved = meshOf(
    yaml(mesh(rsa), serviceText('api'), serviceText('web'), policyText('p', 'api', 'allow', `[{from: [${source}]}]`)),
  );
  const service = portOf(resolved, 'api' as ServiceKey);
  if (service === undefined) throw new Error('no api');
  const decide = createDecideRecorded(resolved, service);
  const path = { kind: 'exact', path: '/' } as const;
  expect(decide({ caller: 'plaintext', method: 'GET', path }).outcome).toBe('unknown');
  expect(decide({ caller: 'mtls', principal: 'spiffe://td1/service/web', method: 'GET', path }).outcome).toBe('denied');
});
