// A whole control plane as an issuer: who has an SVID gets a token by it, and somebody who knows nothing but the issuer's URL verifies
// that; by the port and by the files, which are the same.
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { fetchJwt } from '../../src/identity-api/jwt-client.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { createTestCa } from '../support/test-ca.ts';

let folder: string;
let plane: ServeHarness;
let issuer: string;
let root: string;
const files = (): string => join(folder, 'public');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-oidc-'));
  const ca = await createTestCa('web');
  root = ca.root;
  const { certificate, key } = await ca.issue({ dns: ['localhost'] });
  const tls = { certificate: join(folder, 'tls.pem'), key: join(folder, 'tls-key.pem') };
  writeFileSync(tls.certificate, certificate);
  writeFileSync(tls.key, key, { mode: 0o600 });
  const [port = 0] = await freePorts(1);
  issuer = `https://localhost:${port}/prod`;
  const oidc = { issuer, listen: { host: '127.0.0.1', port }, tls, files: files() };
  plane = await startServe(yaml(meshText('strict'), serviceText('api')), { oidc });
});
afterAll(async () => {
  await plane.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** As a browser or a cloud does it: names and certificates count. */
const web = (url: string): Promise<Response> =>
  new Promise((resolve, reject) => {
    const asked = request(url, { ca: root, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => resolve(new Response(text, { status: answer.statusCode ?? 0 })));
    });
    asked.on('error', reject).end();
  });

test('a token is verified by discovery alone', async () => {
  const { dir } = await plane.enrol('spiffe://td1/service/api');
  const text = (name: string): string => readFileSync(join(dir, name), 'utf8');
  const svid = { chain: text('svid.pem'), key: createPrivateKey(text('key.pem')), bundle: text('bundle.pem') };
  const { token } = await fetchJwt({ host: '127.0.0.1', port: plane.identityPort, svid }, ['bucket']);
  const found = z
    .object({ issuer: z.literal(issuer), jwks_uri: z.string() })
    .parse(await (await web(`${issuer}/.well-known/openid-configuration`)).json());
  const keys = createRemoteJWKSet(new URL(found.jwks_uri), { [customFetch]: (url) => web(String(url)) });
  const { payload } = await jwtVerify(token, keys, { issuer, audience: 'bucket' });
  expect(payload.sub).toBe('spiffe://td1/service/api');
});

test('the files are what the port answers, and are put right within a minute; status tells of them', async () => {
  const name = `oidc:${files()}`;
  const status = () =>
    eventually('the files are confirmed', async () =>
      (await plane.admin.status()).publishers?.find((one) => one.name === name && one.confirmed),
    );
  await status();
  for (const path of ['.well-known/openid-configuration', 'keys.json'])
    expect(readFileSync(join(files(), path), 'utf8')).toBe(await (await web(`${issuer}/${path}`)).text());
  expect(await plane.metrics()).toContain(`cellwall_publisher_failures_total{publisher="${name}"} 0`);
});
