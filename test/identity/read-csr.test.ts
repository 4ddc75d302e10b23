// Hostile certificate requests: only the key is taken, and only a good one.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCsr } from '../../src/identity/x509/create-csr.ts';
import { fromPem, toPem } from '../../src/identity/x509/pem.ts';
import { readCsr } from '../../src/identity/x509/read-csr.ts';
import { CellwallError } from '../../src/lib/errors.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** A request made by OpenSSL, from `openssl req` arguments. */
function byOpenssl(...args: readonly string[]): string {
  return execFileSync('openssl', ['req', '-new', '-nodes', '-keyout', '/dev/null', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

describe('a certificate request', () => {
  it('made here is one that OpenSSL verifies', () => {
    const text = execFileSync('openssl', ['req', '-verify', '-noout', '-text'], {
      input: createCsr(privateKey),
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    expect(text).toMatch(/Subject: *\n/);
    expect(readCsr(createCsr(privateKey)).publicKey.equals(publicKey)).toBe(true);
  });

  it.each([
    ['P-256', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-subj', '/']],
    ['P-384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384', '-subj', '/CN=x']],
    ['RSA 2048', ['-newkey', 'rsa:2048', '-subj', '/CN=x']],
    [
      'one that asks to be a CA and for two other names',
      [
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-subj',
        '/CN=admin',
        '-addext',
        'basicConstraints=CA:TRUE',
        '-addext',
        'subjectAltName=URI:spiffe://td1/cellwall/server,URI:spiffe://td1/b',
      ],
    ],
  ])('of %s gives its key, and nothing else', (_, args) => {
    const { publicKey: key, ...rest } = readCsr(byOpenssl(...args));
    expect(key.type).toBe('public');
    expect(Object.keys(rest)).toEqual(['der']);
  });

  it.each([
    ['RSA 1024', ['-newkey', 'rsa:1024', '-subj', '/CN=x']],
    ['secp256k1', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1', '-subj', '/CN=x']],
    ['Ed25519', ['-newkey', 'ed25519', '-subj', '/CN=x']],
    [
      'explicit parameters',
      ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt', 'ec_param_enc:explicit', '-subj', '/CN=x'],
    ],
    ['SHA-1', ['-newkey', 'rsa:2048', '-sha1', '-subj', '/CN=x']],
    ['RSA-PSS', ['-newkey', 'rsa:2048', '-sigopt', 'rsa_padding_mode:pss', '-subj', '/CN=x']],
  ])('of %s is refused', (_, args) => {
    expect(() => readCsr(byOpenssl(...args))).toThrow(CellwallError);
  });

  it('with another key put in, or any other byte changed, is refused', () => {
    const [der = Buffer.alloc(0)] = fromPem(createCsr(privateKey), 'CERTIFICATE REQUEST');
    for (let at = 0; at < der.length; at += 1) {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      expect(() => readCsr(toPem(changed, 'CERTIFICATE REQUEST')), `byte ${at}`).toThrow(CellwallError);
    }
    for (let end = 0; end < der.length; end += 1) {
      expect(() => readCsr(toPem(der.subarray(0, end), 'CERTIFICATE REQUEST')), `cut at ${end}`).toThrow(CellwallError);
    }
  });

  it('of random bytes is refused in an orderly way', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(() => readCsr(toPem(bytes, 'CERTIFICATE REQUEST'))).toThrow(CellwallError);
      }),
    );
  });
});
