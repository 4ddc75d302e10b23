// Certificates to the letter of X509-SVID, as OpenSSL reads them, and their dates.
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenAuthority, openAuthority } from '../../src/identity/open-authority.ts';
import { bundlePem } from '../../src/identity/trust-bundle.ts';
import { fromPem, toPem } from '../../src/identity/x509/pem.ts';
import { uriSans } from '../../src/identity/x509/uri-sans.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { domainOf, idOf } from '../support/identity-harness.ts';

const spiffeId = 'spiffe://td1/cell/cell-1/service/api';
const hour = 3_600_000;
const p256 = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
let dir: string;
let authority: OpenAuthority;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cellwall-x509-'));
  const trustDomain = domainOf('td1');
  authority = await openAuthority({}, { dir: join(dir, 'ca'), trustDomain, clock: systemClock, log: silentLog });
});

afterAll(async () => {
  await authority.close();
  rmSync(dir, { recursive: true, force: true });
});

interface LeafOptions {
  readonly publicKey?: KeyObject;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly dnsNames?: readonly string[];
  readonly commonName?: string;
}

async function sign(options: LeafOptions = {}): Promise<readonly string[]> {
  const { chain } = await authority.signer.sign({
    spiffeId: idOf(spiffeId),
    publicKey: p256(),
    notBefore: new Date(Date.now() - 30_000),
    notAfter: new Date(Date.now() + hour),
    dnsNames: [],
    ...options,
  });
  return fromPem(chain, 'CERTIFICATE').map((der) => toPem(der, 'CERTIFICATE'));
}

function openssl(args: readonly string[], input: string): string {
  return execFileSync('openssl', [...args], { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
}

describe('a leaf', () => {
  it('is what X509-SVID asks for, and nothing else', async () => {
    const [leaf = ''] = await sign();
    const text = openssl(['x509', '-noout', '-text'], leaf);
    expect(text).toMatch(/Subject: *\n/);
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/);
    expect(text).toMatch(/Extended Key Usage: *\s+TLS Web Server Authentication, TLS Web Client Authentication\n/);
    expect(text).toMatch(/Subject Alternative Name: critical\s+URI:spiffe:\/\/td1\/cell\/cell-1\/service\/api\n/);
    expect(text).toContain('Subject Key Identifier');
    expect(text).toContain('Authority Key Identifier');
    expect(text.match(/X509v3 (?!extensions)[^\n]*:/g)).toHaveLength(6);
  });

  it('carries DNS names and a common name when the policy says so, and then its SAN is not critical', async () => {
    const [leaf = ''] = await sign({ dnsNames: ['api.example.org'], commonName: 'api' });
    const text = openssl(['x509', '-noout', '-text'], leaf);
    expect(text).toMatch(/Subject: O ?= ?Cellwall, CN ?= ?api\n/);
    expect(text).toMatch(/Subject Alternative Name: *\n\s+URI:spiffe:\S+, DNS:api.example.org\n/);
    expect(uriSans(new X509Certificate(leaf).raw)).toEqual([spiffeId]);
  });

  it('verifies strictly with its chain and the bundle alone', async () => {
    const [leaf = '', ...intermediates] = await sign();
    expect(intermediates).toHaveLength(1);
    const file = (name: string, content: string): string => {
      writeFileSync(join(dir, name), content);
      return join(dir, name);
    };
    const roots = file('roots.pem', bundlePem(authority.bundle.value()));
    const untrusted = file('untrusted.pem', intermediates.join(''));
    const args = ['verify', '-x509_strict', '-CAfile', roots, '-untrusted', untrusted, '-purpose', 'sslclient'];
    expect(openssl([...args, file('leaf.pem', leaf)], '')).toContain('OK');
  });

  it('has a positive serial of 128 random bits, never twice', async () => {
    const serials = new Set<string>();
    for (let index = 0; index < 50; index += 1) {
      const [leaf = ''] = await sign();
      const { serialNumber } = new X509Certificate(leaf);
      expect(serialNumber).toMatch(/^01[0-9A-F]{32}$/);
      serials.add(serialNumber);
    }
    expect(serials.size).toBe(50);
  });

  it('is clamped to its issuer: neither before its beginning, nor beyond its end', async () => {
    const [leaf = '', issuer = ''] = await sign({ notBefore: new Date(0), notAfter: new Date(Date.UTC(2120, 0)) });
    const [inner, outer] = [new X509Certificate(leaf), new X509Certificate(issuer)];
    expect(inner.validFromDate).toEqual(outer.validFromDate);
    expect(inner.validToDate.getTime()).toBe(outer.validToDate.getTime() - 1000);
  });

  it.each([
    ['RSA of 1024 bits', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey],
    ['secp256k1', () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey],
    ['P-224', () => generateKeyPairSync('ec', { namedCurve: 'P-224' }).publicKey],
    ['Ed25519', () => generateKeyPairSync('ed25519').publicKey],
    [
      'explicit curve parameters',
      () => generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).publicKey,
    ],
    [
      'RSA with a small exponent',
      () => generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey,
    ],
  ])('is never made for %s', async (_, key) => {
    await expect(sign({ publicKey: key() })).rejects.toThrow(/not certified/);
  });

  it.each([
    ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey],
    ['RSA of 2048 bits', () => generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey],
  ])('is made for %s', async (_, key) => {
    const publicKey = key();
    const [leaf = ''] = await sign({ publicKey });
    expect(new X509Certificate(leaf).publicKey.equals(publicKey)).toBe(true);
  });
});

describe('signing certificates', () => {
  it('are CAs named by the trust domain alone, and the issuer signs leaves only', async () => {
    const [, issuer = ''] = await sign();
    for (const [pem, constraint] of [
      [bundlePem(authority.bundle.value()), /CA:TRUE\n/],
      [issuer, /CA:TRUE, pathlen:0\n/],
    ] as const) {
      const text = openssl(['x509', '-noout', '-text'], pem);
      expect(text).toMatch(/Basic Constraints: critical/);
      expect(text).toMatch(constraint);
      expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
      expect(uriSans(new X509Certificate(pem).raw)).toEqual(['spiffe://td1']);
    }
  });

  it('change over in time: prepared at half life, active at three quarters, chains valid throughout', async () => {
    const clock = createFakeClock();
    const folder = join(dir, 'rotating');
    const day = 24 * hour;
    const deps = { dir: folder, trustDomain: domainOf('td1'), clock, log: silentLog };
    const rotating = await openAuthority({}, { ...deps, intermediateLifetimeMs: 100 * day });
    const issuerAt = async (): Promise<string> => {
      await rotating.signer.tend();
      const { chain, notAfter } = await rotating.signer.sign({
        spiffeId: idOf(spiffeId),
        publicKey: p256(),
        notBefore: new Date(clock.now()),
        notAfter: new Date(clock.now() + hour),
        dnsNames: [],
      });
      const [, issuer] = fromPem(chain, 'CERTIFICATE');
      expect(notAfter.getTime()).toBeGreaterThan(clock.now());
      return createHash('sha256')
        .update(issuer ?? '')
        .digest('hex');
    };
    const first = await issuerAt();
    clock.advance(60 * day);
    expect(await issuerAt()).toBe(first);
    clock.advance(16 * day);
    const second = await issuerAt();
    expect(second).not.toBe(first);
    clock.advance(200 * day);
    const third = await issuerAt();
    expect([first, second]).not.toContain(third);
    await rotating.close();
  });
});
