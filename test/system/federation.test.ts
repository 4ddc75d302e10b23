// SPIFFE federation with go-spiffe on the other side, unmodified: it fetches our bundle, and a control plane fetches the one that it
// serves, both over https_spiffe.
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { fetchJwt } from '../../src/identity-api/jwt-client.ts';
import { eventually } from '../support/eventually.ts';
import { figure } from '../support/figure.ts';
import { freePorts } from '../support/free-ports.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { createTestCa, type TestCa, writeTestCertificate } from '../support/test-ca.ts';

const run = promisify(execFile);
const ownId = 'spiffe://td1/cellwall/server';
const theirId = 'spiffe://partner.example/federation';
const fetched = z.strictObject({ roots: z.number(), jwtKeys: z.number(), sequence: z.number(), hintS: z.number() });
let folder: string;
let program: string;
let plane: ServeHarness;
let port: number;
let partner: TestCa;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-federation-'));
  program = join(folder, 'federation');
  const cwd = join(import.meta.dirname, 'go-spiffe');
  const built = spawnSync('go', ['build', '-o', program, './federation'], { cwd, encoding: 'utf8' });
  expect(built.status, built.stderr).toBe(0);
  partner = await createTestCa('partner');
  [port = 0] = await freePorts(1);
  plane = await startServe(yaml(meshText('strict'), serviceText('api')), {
    bundleEndpoint: { address: { host: '127.0.0.1', port } },
  });
}, 120_000);
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await plane.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('go-spiffe fetches our bundle from whom it expects, and from nobody else', { timeout: 60_000 }, async () => {
  const { dir } = await plane.enrol('spiffe://td1/service/api');
  const text = (name: string): string => readFileSync(join(dir, name), 'utf8');
  // A first token makes a first key.
  const svid = { chain: text('svid.pem'), key: createPrivateKey(text('key.pem')), bundle: text('bundle.pem') };
  await fetchJwt({ host: '127.0.0.1', port: plane.identityPort, svid }, ['db']);
  const fetch = (id: string, roots: string) => run(program, ['fetch', `https://127.0.0.1:${port}/`, id, roots]);
  const { stdout } = await fetch(ownId, join(dir, 'bundle.pem'));
  const found = fetched.parse(JSON.parse(stdout));
  expect(found).toMatchObject({ roots: 1, jwtKeys: 1, hintS: 300 });
  figure('fetchedByGoSpiffe', true);
  await expect(fetch('spiffe://td1/spire/server', join(dir, 'bundle.pem'))).rejects.toThrow('unexpected ID');
  const others = join(folder, 'others.pem');
  writeFileSync(others, partner.root);
  await expect(fetch(ownId, others)).rejects.toThrow();
});

/** go-spiffe's endpoint of the partner. */
async function serve(sequence: number, roots: readonly string[], id = theirId): Promise<string> {
  const files = writeTestCertificate(
    join(folder, `svid-${sequence}-${roots.length}`),
    await partner.issue({ uri: id }),
  );
  const bundle = join(folder, `bundle-${sequence}.pem`);
  writeFileSync(bundle, roots.join('\n'));
  const args = ['serve', 'partner.example', bundle, files.certificate, files.key, String(sequence)];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    out += part;
  });
  return eventually('it listens', () => (out.includes('\n') ? out.trim() : undefined), 20_000);
}

async function federated(address: string) {
  const endpoint = { profile: 'https_spiffe', url: `https://${address}/`, spiffeId: theirId };
  const spec = JSON.stringify({ trustDomain: 'partner.example', bundle: partner.root, endpoint });
  const trustBundle = `kind: TrustBundle\nmetadata: {name: partner}\nspec: ${spec}`;
  await plane.apply(yaml(meshText('strict'), serviceText('api'), trustBundle));
  const asked = () => plane.admin.status().then(({ foreignBundles }) => foreignBundles?.[0]);
  return eventually('the endpoint was asked', async () => {
    const found = await asked();
    return found?.url === endpoint.url && (found.fetchedAt ?? found.error) !== undefined ? found : undefined;
  });
}

test('a control plane fetches what go-spiffe serves, if it proves to be whom the document names', {
  timeout: 60_000,
}, async () => {
  const { root } = await createTestCa('second');
  const found = await federated(await serve(7, [partner.root, root]));
  expect(found).toMatchObject({ trustDomain: 'partner.example', roots: 2, sequence: 7, failures: 0 });
  figure('fetchedFromGoSpiffe', true);
  const refused = await federated(await serve(8, [partner.root], 'spiffe://partner.example/other'));
  expect(refused.error?.message).toContain('it is spiffe://partner.example/other, and not');
  expect(refused).toMatchObject({ roots: 1, failures: 1 });
});
