// The roots of a trust domain as one value: the same roots are the same value, in whatever form they come.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { createCertificate, signingKeyOf } from '../../src/identity/ca/certificate.ts';
import { formatSpiffeBundle } from '../../src/identity/spiffe-bundle.ts';
import { bundlePem, createTrustBundle, maxRoots } from '../../src/identity/trust-bundle.ts';
import { fromPem, toPem } from '../../src/identity/x509/pem.ts';
import { domainOf } from '../support/identity-harness.ts';
import { createTestCa } from '../support/test-ca.ts';

const trustDomain = domainOf('td1');
let [a, b, leaf] = ['', '', ''];

beforeAll(async () => {
  const ca = await createTestCa('a');
  a = ca.root;
  b = (await createTestCa('b')).root;
  leaf = (await ca.issue({ uri: 'spiffe://td1/x' })).certificate;
});

const of = (...roots: readonly string[]) => createTrustBundle({ trustDomain, sequence: 1, roots });

describe('a trust bundle', () => {
  it('has one certificate a string, each once, in one order', () => {
    const both = of(a, b);
    expect(both.roots).toHaveLength(2);
    for (const pem of both.roots) expect(pem.match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
    expect(of(b, a)).toEqual(both);
    expect(of(`words\n${b}\r\n${a}`, a)).toEqual(both);
    expect(of(bundlePem(both))).toEqual(both);
  });

  it('cannot be changed', () => {
    const bundle = of(a);
    expect(Object.isFrozen(bundle) && Object.isFrozen(bundle.roots)).toBe(true);
  });

  it('is refused without a root, with too many, with what is not a CA, and with a sequence that does not count', () => {
    expect(() => of()).toThrow('one root at least');
    expect(() => of('')).toThrow('no "BEGIN CERTIFICATE" block');
    expect(() => of(a, leaf)).toThrow('not one of a CA');
    expect(() => of('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')).toThrow('cannot be read');
    for (const sequence of [0, -1, 1.5, Number.NaN]) {
      expect(() => createTrustBundle({ trustDomain, sequence, roots: [a] })).toThrow('not the sequence');
    }
  });

  it(`holds ${maxRoots} roots`, async () => {
    const many = await Promise.all(Array.from({ length: maxRoots + 1 }, (_, n) => createTestCa(`root ${n}`)));
    const roots = many.map(({ root }) => root);
    expect(of(...roots.slice(1)).roots).toHaveLength(maxRoots);
    expect(() => of(...roots)).toThrow(`${maxRoots} at most`);
  });
});

describe('a root', () => {
  const p256 = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
  /** Nobody checks the signature of a root. */
  const rootOf = (publicKey: KeyObject): string =>
    createCertificate({
      ...{ signingKey: signingKeyOf(p256().privateKey), publicKey, uri: 'spiffe://td1', commonName: 'root' },
      ...{ notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000), ca: {} },
    }).pem;
  const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });
  const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength });

  it.each([
    ['RSA 1024', () => rsa(1024)],
    ['P-224', () => ec('secp224r1')],
    ['secp256k1', () => ec('secp256k1')],
    ['brainpoolP256r1', () => ec('brainpoolP256r1')],
    ['Ed448', () => generateKeyPairSync('ed448')],
    ['DSA', () => generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 })],
  ])('with a key of %s is refused', (_kind, make) => {
    expect(() => of(a, rootOf(make().publicKey))).toThrow('a key that is weak, or that Envoy does not know');
  });

  it.each([
    ['RSA 2048', () => rsa(2048)],
    ['P-256', p256],
    ['P-384', () => ec('secp384r1')],
    ['P-521', () => ec('secp521r1')],
    ['Ed25519', () => generateKeyPairSync('ed25519')],
  ])('with a key of %s is one, and can be published', (_kind, make) => {
    const bundle = of(a, rootOf(make().publicKey));
    expect(JSON.parse(formatSpiffeBundle(bundle)).keys).toHaveLength(2);
  });

  it.each([
    ['of version 2', 'a003020102', 'a003020101'],
    ['with a date that does not end in Z', /(170d(?:3\d){12})5a/, '$17a'],
  ])('%s is refused: Envoy would refuse the whole bundle', (_what, part, other) => {
    const pem = rootOf(p256().publicKey);
    const [der = Buffer.alloc(0)] = fromPem(pem, 'CERTIFICATE');
    const odd = der.toString('hex').replace(part, other);
    expect(odd).not.toBe(der.toString('hex'));
    expect(of(a, pem).roots).toHaveLength(2);
    expect(() => of(a, toPem(Buffer.from(odd, 'hex'), 'CERTIFICATE'))).toThrow('not written as RFC 5280 requires');
  });
});
