// What `serve --publish directory:…` writes, read by programs that know nothing of Cellwall: go-spiffe takes the JSON, openssl the PEM, and
// each verifies a server of the mesh by it. What openssl and go-spiffe make of another CA's is the control.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createDirectoryPublisher } from '../../src/identity/publisher/directory.ts';
import { createTrustBundle } from '../../src/identity/trust-bundle.ts';
import { eventually } from '../support/eventually.ts';
import { figure } from '../support/figure.ts';
import { domainOf } from '../support/identity-harness.ts';
import { meshText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { bundleOf, rootOf } from '../support/trust-bundles.ts';

const run = promisify(execFile);
const serverId = 'spiffe://td1/cellwall/server';
const met = z.strictObject({ sequence: z.number(), refreshHint: z.number(), roots: z.number(), peer: z.string() });
let parent: string;
let folder: string;
let serve: ServeHarness;

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'cellwall-trust-'));
  folder = join(parent, 'published');
  const publish = [{ kind: 'directory', place: folder }];
  serve = await startServe(yaml(meshText('strict')), { publish, adminTls: {} });
  await eventually('it is published', async () => (await serve.admin.status()).publishers?.[0]?.confirmed);
});
afterAll(async () => {
  await serve.stop();
  rmSync(parent, { recursive: true, force: true });
});

async function goSpiffe(dir: string) {
  const args = ['run', './bundle', join(dir, 'bundle.json'), 'td1', `127.0.0.1:${serve.adminTlsPort}`, serverId];
  const { stdout } = await run('go', args, { cwd: join(import.meta.dirname, 'go-spiffe') });
  return met.parse(JSON.parse(stdout));
}
async function openssl(dir: string): Promise<string> {
  const args = ['s_client', '-connect', `127.0.0.1:${serve.adminTlsPort}`, '-CAfile', join(dir, 'bundle.pem')];
  const running = run('openssl', [...args, '-no-CApath', '-no-CAstore', '-verify_return_error']);
  running.child.stdin?.end();
  return (await running).stdout;
}
/** As a control plane with these roots would publish them. */
async function published(name: string, sequence: number, roots: readonly string[]): Promise<string> {
  const dir = join(parent, name);
  const bundle = createTrustBundle({ trustDomain: domainOf('td1'), sequence, roots });
  await createDirectoryPublisher(dir).publish(bundle, new AbortController().signal);
  return dir;
}

test('go-spiffe loads the bundle and verifies the control plane by it', async () => {
  expect(await goSpiffe(folder)).toEqual({ sequence: expect.any(Number), refreshHint: 300, roots: 1, peer: serverId });
  figure('verifiedByGoSpiffe', true);
});

test('openssl verifies the control plane by the PEM', async () => {
  expect(await openssl(folder)).toContain('Verify return code: 0 (ok)');
  figure('verifiedByOpenssl', true);
});

test('so they do by several roots, and not by those of others', async () => {
  const own = readFileSync(join(folder, 'bundle.pem'), 'utf8');
  const both = await published('both', 7, [await rootOf('other'), own]);
  expect(await goSpiffe(both)).toMatchObject({ sequence: 7, roots: 2, peer: serverId });
  expect(await openssl(both)).toContain('Verify return code: 0 (ok)');
  const foreign = await published('foreign', 1, (await bundleOf(1, 'other')).roots);
  await expect(goSpiffe(foreign)).rejects.toMatchObject({
    stderr: expect.stringMatching(/certificate signed by unknown/),
  });
  await expect(openssl(foreign)).rejects.toMatchObject({ code: 1 });
});

test('go-spiffe takes keys of every kind that a root may have', async () => {
  const kinds = [
    ['rsa:2048', []],
    ['ec', ['-pkeyopt', 'ec_paramgen_curve:P-384']],
    ['ed25519', []],
  ] as const;
  const own = readFileSync(join(folder, 'bundle.pem'), 'utf8');
  const roots = await Promise.all(
    kinds.map(async ([kind, options], index) => {
      const out = join(parent, `root-${index}.pem`);
      const subject = ['-subj', `/CN=${kind}`, '-keyout', join(parent, `key-${index}.pem`), '-out', out];
      await run('openssl', ['req', '-x509', '-nodes', '-days', '2', '-newkey', kind, ...options, ...subject]);
      return readFileSync(out, 'utf8');
    }),
  );
  const dir = await published('kinds', 2, [...roots, own]);
  expect(await goSpiffe(dir)).toMatchObject({ roots: 4, peer: serverId });
  writeFileSync(join(dir, 'bundle.json'), '{"keys": 7}');
  await expect(goSpiffe(dir)).rejects.toThrow();
});
