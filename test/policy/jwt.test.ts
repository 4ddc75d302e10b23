// Tokens in documents: what is refused, what is warned of, and what a record can tell of them.
import { describe, expect, it } from 'vitest';
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
