// `cellwall svid exchange` before it asks anybody: the roots that a job is to believe.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCli } from '../support/cli-harness.ts';
import { createTestCa } from '../support/test-ca.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-exchange-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function exchange(roots: string) {
  writeFileSync(join(folder, 'roots.pem'), roots);
  const asked: string[] = [];
  const exchangeSvid = async (of: { readonly roots: string }) => {
    asked.push(of.roots);
    return { spiffeId: 'spiffe://td1/ci/42', notAfter: 0, files: [] };
  };
  const args = ['--dir', 'x', '--id-token', 'a.e30.b', '--trust-bundle', join(folder, 'roots.pem')];
  return runCli(['svid', 'exchange', ...args], { run: { exchangeSvid } }).then((result) => ({ ...result, asked }));
}

it.each([
  [
    'a SPIFFE bundle',
    () => '{"keys": [{"use": "x509-svid", "kty": "EC", "x5c": ["MIIB"]}]}',
    'bundle.json; it must be PEM',
  ],
  ['nothing', () => '', 'must be PEM'],
  ['a page', () => '<html>', 'must be PEM'],
])('refuses %s as roots, with the file and what it should be', async (_, made, hint) => {
  const { code, stderr, asked } = await exchange(made());
  expect({ code, asked }).toEqual({ code: 1, asked: [] });
  expect(stderr).toContain(`--trust-bundle: ${join(folder, 'roots.pem')}: no "BEGIN CERTIFICATE"`);
  expect(stderr).toContain(hint);
});

it('takes a PEM file, with text around it', async () => {
  const roots = `the mesh\n${(await createTestCa('spiffe-less')).root}`;
  expect(await exchange(roots)).toMatchObject({ code: 0, asked: [roots] });
});
