// Tokens as a second factor, on a real Envoy, held against what `decide` says: only what is verified, of the issuer, for the audience,
// with the claims that a rule names; and only from those who have no certificate.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parseSpiffeId, type SpiffeId } from '../../src/model/spiffe-id.ts';
import { decide } from '../../src/policy/decide/decide.ts';
import type { Caller, Token } from '../../src/policy/decide/request.ts';
import type { MeshIr, ServiceKey } from '../../src/policy/ir.ts';
import { lint } from '../../src/translate/linter.ts';
import type { ProxyShape } from '../../src/translate/proxy.ts';
import { translate } from '../../src/translate/translate.ts';
import { type EchoApplication, startHttp1Echo } from '../support/echo-application.ts';
import { httpCall } from '../support/http-call.ts';
import { createTokenKey, type MintOptions, mintToken } from '../support/mint-token.ts';
import { meshOf } from '../support/resolve-text.ts';
import { createTestCa, type TestCa, type TestCertificate } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';
import { idOf, meshDocument, policyDocument, serviceDocument } from './mesh-text.ts';

const api = 'cell-1/api' as ServiceKey;
const issuer = 'https://team.cloudflareaccess.test';
const header = 'cf-access-jwt-assertion';
const router: Token = { issuer: 'router', audiences: ['topology'], claims: { common_name: 'abc.access' } };

let ca: TestCa;
let application: EchoApplication;
let proxy: TranslatedProxy;
let mesh: MeshIr;
let port: number;
let web: TestCertificate;
let stranger: TestCertificate;
const key = createTokenKey();
const otherKey = createTokenKey();

beforeAll(async () => {
  ca = await createTestCa('mesh root');
  application = await startHttp1Echo();
  const issuers = `
  jwtIssuers:
  - {name: router, issuer: "${issuer}", header: ${header}, jwks: '{"keys": [${key.jwk}]}'}
  - {name: bearer, issuer: "https://other.test", jwks: '{"keys": [${otherKey.jwk}]}'}
---
apiVersion: cellwall/v1
kind: Cell`;
  mesh = meshOf(
    [
      meshDocument('strict').replace(/\n---\napiVersion: cellwall\/v1\nkind: Cell/, `${issuers}`),
      serviceDocument('api', 'cell-1', '{protocol: http1, mtls: {mode: permissive}}'),
      serviceDocument('web', 'cell-1', '{protocol: http1, dependsOn: [{service: api, listen: 15001}]}'),
      serviceDocument('web', 'cell-2', '{protocol: http1}'),
      policyDocument(
        'api',
        'cell-1',
        `
  target: {service: api}
  action: allow
  rules:
  - from: [{jwt: {issuer: router, audience: topology, claims: {common_name: abc.access}}}]
    to: [{methods: [POST], path: {exact: /v1/classify}}]
  - from: [{jwt: {issuer: bearer, audience: other}}, {service: web}]`,
      ),
    ].join(''),
  );
  const inputs = { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map<string, string>() } };
  const spiffeId = parseSpiffeId(idOf('api', 'cell-1'));
  if (spiffeId === undefined) throw new Error('no ID');
  const ports = [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }];
  const shape = { spiffeId, service: api, ports } satisfies ProxyShape;
  expect(lint(translate(mesh, inputs.endpoints, inputs.bundles, shape))).toEqual([]);
  proxy = await startTranslatedProxy(inputs, shape, await ca.issue({ uri: spiffeId }));
  port = await proxy.envoy.port('inbound');
  web = await ca.issue({ uri: idOf('web', 'cell-1') });
  stranger = await ca.issue({ uri: idOf('web', 'cell-2') });
  await vi.waitFor(async () => expect((await httpCall({ port, tls: web })).status).toBe(200), { timeout: 10_000 });
});

afterAll(async () => {
  await proxy.stop();
  await application.stop();
});

function mint(options: Partial<MintOptions> = {}): string {
  const usual = {
    iss: issuer,
    aud: 'topology',
    claims: { common_name: 'abc.access' },
    expiresIn: 300,
    by: key.privateKey,
  };
  return mintToken({ ...usual, ...options });
}

async function status(token: string | undefined, options: { path?: string; tls?: TestCertificate; in?: string } = {}) {
  const { path = '/v1/classify', tls, in: where = header } = options;
  const headers = token === undefined ? {} : { [where]: token };
  return (await httpCall({ port, method: 'POST', path, headers, ...(tls === undefined ? {} : { tls }) })).status;
}

function decided(caller: Caller, path = '/v1/classify'): number {
  return decide(mesh, { target: api, caller, method: 'POST', path }).outcome === 'allowed' ? 200 : 403;
}

const anonymous = (token?: Token): Caller => ({
  kind: 'anonymous',
  via: 'plaintext',
  ...(token === undefined ? {} : { token }),
});

test('a verified token of the issuer, for the audience, with the claim, for that operation', async () => {
  expect(await status(mint())).toBe(200);
  expect(await status(mint({ aud: ['x', 'topology'] }))).toBe(200);
  expect(await status(mint({ claims: { common_name: ['x', 'abc.access'] } }))).toBe(200);
  expect(decided(anonymous(router))).toBe(200);
  expect(await status(mint(), { path: '/v1/other' })).toBe(403);
  expect(decided(anonymous(router), '/v1/other')).toBe(403);
});

test('any other token is none', async () => {
  const [, payload = ''] = mint().split('.');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const tokens: Record<string, string> = {
    'for another audience': mint({ aud: 'other' }),
    'for an audience that begins alike': mint({ aud: 'topology2' }),
    'of another issuer': mint({ iss: 'https://other.test' }),
    'by another key': mint({ by: otherKey.privateKey }),
    'by the public key as a secret': mint({ by: key.jwk }),
    'by the same key and another algorithm': mint({ alg: 'PS256' }),
    'without a signature': `${none}.${payload}.`,
    'with another claim': mint({ claims: { common_name: 'xyz.access' } }),
    'with another in a list': mint({ claims: { common_name: ['xyz.access', 'abc'] } }),
    'with it in an object': mint({ claims: { common_name: { name: 'abc.access' } } }),
    'without the claim': mint({ claims: {} }),
    expired: mint({ expiresIn: -120 }),
    'without an end': mint({ expiresIn: null }),
    garbage: 'garbage',
    empty: '',
  };
  const answers: Record<string, number> = {};
  for (const [name, token] of Object.entries(tokens)) answers[name] = await status(token);
  expect(answers).toEqual(Object.fromEntries(Object.keys(tokens).map((name) => [name, 403])));
  expect(await status(undefined)).toBe(403);
  expect(await status(mint(), { in: 'authorization' })).toBe(403);
  expect(await status(`Bearer ${mint()}`, { in: 'authorization' })).toBe(403);
  expect(decided(anonymous({ ...router, audiences: ['other'] }))).toBe(403);
  expect(decided(anonymous({ ...router, claims: {} }))).toBe(403);
  expect(decided(anonymous({ ...router, issuer: 'bearer' }))).toBe(403);
  expect(decided(anonymous())).toBe(403);
});

test('who has a certificate is judged by it, with or without a token', async () => {
  expect(await status('Bearer of-the-application', { tls: web, in: 'authorization', path: '/x' })).toBe(200);
  expect(await status(mint(), { tls: stranger })).toBe(403);
  expect(decided({ kind: 'id', id: idOf('web', 'cell-2') as SpiffeId })).toBe(403);
});

test('is accepted by Envoy, and told in its log by the name of the issuer', async () => {
  expect(proxy.ads.nacks).toEqual([]);
  await status(mint());
  await vi.waitFor(
    () => {
      const entries = proxy.ads.logs.flatMap(({ message }) =>
        message.logEntries.case === 'httpLogs' ? message.logEntries.value.logEntry : [],
      );
      const fields = entries.flatMap(({ commonProperties }) =>
        Object.keys(commonProperties?.metadata?.filterMetadata['envoy.filters.http.jwt_authn'] ?? {}),
      );
      expect(fields).toContain('cellwall/router');
    },
    { timeout: 5000 },
  );
});
