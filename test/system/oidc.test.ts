// A relying party that is not ours: go-oidc, unmodified, verifies a JWT-SVID by its issuer's discovery document.
import { execFile, spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fetchJwt } from '../../src/identity-api/jwt-client.ts';
import { freePorts } from '../support/free-ports.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { createTestCa } from '../support/test-ca.ts';

let folder: string;
let plane: ServeHarness;
let issuer: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-go-oidc-'));
  const built = spawnSync('go', ['build', '-o', join(folder, 'verify'), '.'], {
    cwd: join(import.meta.dirname, 'go-oidc'),
    encoding: 'utf8',
  });
  expect(built.status, built.stderr).toBe(0);
  const ca = await createTestCa('web');
  const { certificate, key } = await ca.issue({ dns: ['localhost'] });
  const tls = { certificate: join(folder, 'tls.pem'), key: join(folder, 'tls-key.pem') };
  writeFileSync(tls.certificate, certificate);
  writeFileSync(tls.key, key, { mode: 0o600 });
  writeFileSync(join(folder, 'root.pem'), ca.root);
  const [port = 0] = await freePorts(1);
  issuer = `https://localhost:${port}`;
  plane = await startServe(yaml(meshText('strict'), serviceText('api')), {
    oidc: { issuer, listen: { host: '127.0.0.1', port }, tls },
  });
});
afterAll(async () => {
  await plane.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('go-oidc verifies a token by discovery, and refuses it for another audience', async () => {
  const { dir } = await plane.enrol('spiffe://td1/service/api');
  const text = (name: string): string => readFileSync(join(dir, name), 'utf8');
  const svid = { chain: text('svid.pem'), key: createPrivateKey(text('key.pem')), bundle: text('bundle.pem') };
  const { token } = await fetchJwt({ host: '127.0.0.1', port: plane.identityPort, svid }, ['bucket']);
  // The control plane is in this process: it must be able to answer meanwhile.
  const args = [issuer, join(folder, 'root.pem'), 'bucket', token];
  const { stdout: answer } = await promisify(execFile)(join(folder, 'verify'), args, { timeout: 20_000 });
  expect(JSON.parse(answer)).toEqual({
    ...{ issuer, subject: 'spiffe://td1/service/api', audience: ['bucket'], refused: true },
  });
});
