// `cellwall svid exchange` before it asks anybody: the roots that a job is to believe.
import { X509Certificate } from 'node:crypto';
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

it.each<[string, (pem: string) => string]>([
  ['with text around it', (pem) => `the mesh\n${pem}`],
  ['with a byte order mark', (pem) => `\ufeff${pem}`],
  ['with the ends of lines of Windows', (pem) => pem.replaceAll('\n', '\r\n')],
  ['indented', (pem) => pem.replaceAll(/^/gm, '    ')],
  ['all on one line', (pem) => pem.replaceAll('\n', '')],
])('takes a PEM file %s, in the form that OpenSSL reads', async (_, made) => {
  const { root } = await createTestCa('spiffe-less');
  const { code, asked } = await exchange(made(root) + made(root));
  expect(code).toBe(0);
  const [again = ''] = asked;
  const certificates = again.match(
    /^-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n/gm,
  );
  expect(certificates?.map((pem) => new X509Certificate(pem).raw)).toEqual(
    Array(2).fill(new X509Certificate(root).raw),
  );
});

it('says so of a certificate that was cut off', async () => {
  const { root } = await createTestCa('cut');
  const { code, stderr, asked } = await exchange(root.replace(/\n[^\n]+\n-----END/, '\n-----END'));
  expect({ code, asked }).toEqual({ code: 1, asked: [] });
  expect(stderr).toMatch(/--trust-bundle: .*roots\.pem: a certificate in it cannot be read: is it whole\?/);
});
