// Two layers in one rule, on a real Envoy, held against what `decide` says: the peer's identity and a token in the request.
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { parseSpiffeId, type SpiffeId } from '../../src/model/spiffe-id.ts';
import type { Claims } from '../../src/policy/claims.ts';
import { decide } from '../../src/policy/decide/decide.ts';
import type { MeshIr, ServiceKey } from '../../src/policy/ir.ts';
import { lint } from '../../src/translate/linter.ts';
import type { ProxyShape } from '../../src/translate/proxy.ts';
import { translate } from '../../src/translate/translate.ts';
import { type EchoApplication, startHttp1Echo } from '../support/echo-application.ts';
import { httpCall } from '../support/http-call.ts';
import { createTokenKey, mintToken } from '../support/mint-token.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { createTestCa } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';

const issuer = 'https://gitlab.test';
const key = createTokenKey();
const registry = 'registry' as ServiceKey;
const rails = 'spiffe://td1/service/rails' as SpiffeId;
const runner = 'spiffe://td1/service/runner' as SpiffeId;
const good = {
  ver: 1,
  admin: true,
  gitlab: { origin_id: 'cell-1', roles: ['reader', 'writer'], job: { project_id: 42 } },
};

let application: EchoApplication;
let proxy: TranslatedProxy;
let mesh: MeshIr;
let call: (caller: SpiffeId, token?: string, path?: string) => Promise<number>;

beforeAll(async () => {
  const ca = await createTestCa('mesh root');
  application = await startHttp1Echo();
  const jwks = `{"keys": [${key.jwk}]}`;
  mesh = meshOf(
    yaml(
      meshText('strict', `, jwtIssuers: [{name: gitlab, issuer: "${issuer}", jwks: '${jwks}'}]`),
      serviceText('registry', 'http1'),
      serviceText('rails', 'http1', ', dependsOn: [{service: registry, listen: 15001}]'),
      serviceText('runner', 'http1'),
      policyText(
        'both',
        'registry',
        'allow',
        '[{from: [{service: rails, jwt: {issuer: gitlab, audience: registry, claims: {ver: 1, admin: true, gitlab: ' +
          '{origin_id: [cell-1, cell-2], roles: writer, job: {project_id: [41, 42]}}}}}], to: [{path: {prefix: /v2}}]}, ' +
          '{from: [{authenticated: true, jwt: {issuer: gitlab, audience: open}}], to: [{path: {exact: /open}}]}]',
      ),
    ),
  );
  const bundles = { roots: ca.root, legacyAnchors: new Map<string, string>() };
  const spiffeId = parseSpiffeId('spiffe://td1/service/registry');
  if (spiffeId === undefined) throw new Error('no ID');
  const ports = [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }];
  const shape = { spiffeId, service: registry, ports } satisfies ProxyShape;
  expect(lint(translate(mesh, new Map(), bundles, shape))).toEqual([]);
  proxy = await startTranslatedProxy({ mesh, endpoints: new Map(), bundles }, shape, await ca.issue({ uri: spiffeId }));
  const port = await proxy.envoy.port('inbound');
  const certificates = { [rails]: await ca.issue({ uri: rails }), [runner]: await ca.issue({ uri: runner }) };
  call = async (caller, token, path = '/v2/x') => {
    const tls = certificates[caller];
    if (tls === undefined) throw new Error('no certificate');
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return (await httpCall({ port, path, headers, tls })).status;
  };
  await vi.waitFor(async () => expect(await call(rails, mint(good))).toBe(200), { timeout: 10_000 });
});

afterAll(async () => {
  await proxy.stop();
  await application.stop();
});

function mint(claims: Claims, more: { aud?: string; expiresIn?: number; iss?: string } = {}): string {
  return mintToken({ iss: issuer, aud: 'registry', claims, expiresIn: 300, by: key.privateKey, ...more });
}

const gitlab = good.gitlab;
const claimSets: readonly (readonly [what: string, claims: Claims, status: number])[] = [
  ['all of them', good, 200],
  ['more of them', { ...good, sub: 'gid://gitlab/User/42', gitlab: { ...gitlab, more: 1 } }, 200],
  ['the other of two values', { ...good, gitlab: { ...gitlab, origin_id: 'cell-2' } }, 200],
  ['a value in a list', { ...good, gitlab: { ...gitlab, roles: ['writer'], job: { project_id: [7, 41] } } }, 200],
  ['a number as text', { ...good, ver: '1' }, 403],
  ['another number', { ...good, ver: 1.5 }, 403],
  ['a boolean as text', { ...good, admin: 'true' }, 403],
  ['false', { ...good, admin: false }, 403],
  ['no such item', { ...good, gitlab: { ...gitlab, roles: ['reader'] } }, 403],
  ['a list in a list', { ...good, gitlab: { ...gitlab, roles: [['writer']] } }, 403],
  ['no object', { ...good, gitlab: 'cell-1' }, 403],
  ['a list of objects', { ...good, gitlab: [gitlab] }, 403],
  ['a name with dots', { ...good, gitlab: { ...gitlab, job: 1, 'job.project_id': 42 } }, 403],
  ['null', { ...good, ver: null }, 403],
  ['nothing', {}, 403],
];

it.each(claimSets)('%s: the proxy and the decision agree', async (_what, claims, status) => {
  expect(await call(rails, mint(claims))).toBe(status);
  const token = { issuer: 'gitlab', audiences: ['registry'], claims };
  const decided = decide(mesh, { target: registry, caller: { kind: 'id', id: rails, token }, path: '/v2/x' });
  expect(decided.outcome).toBe(status === 200 ? 'allowed' : 'denied');
});

it('one of the two is not enough, nor a token for another place', async () => {
  expect(await call(rails)).toBe(403);
  expect(await call(runner, mint(good))).toBe(403);
  expect(await call(rails, mint(good), '/v3')).toBe(403);
  expect(await call(rails, mint(good, { aud: 'open' }))).toBe(403);
  expect(await call(rails, mint(good), '/open')).toBe(403);
  expect(await call(runner, mint({}, { aud: 'open' }), '/open')).toBe(200);
  expect(await call(rails, mint(good, { expiresIn: -120 }))).toBe(403);
  expect(await call(rails, mint(good, { iss: 'https://other.test' }))).toBe(403);
  expect(await call(rails, `${mint(good).slice(0, -8)}AAAAAAAA`)).toBe(403);
  expect(proxy.ads.nacks).toEqual([]);
});
