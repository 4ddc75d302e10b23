// Certificates that are written by hand, held against those of an X.509 library and against OpenSSL.
import { execFileSync } from 'node:child_process';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  KeyObject,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import 'reflect-metadata';
import { SubjectKeyIdentifierExtension, X509CertificateGenerator } from '@peculiar/x509';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCertificate, createSigningCa, signingKeyOf } from '../../src/identity/ca/certificate.ts';
import { derTag, readDer, readDerOne } from '../../src/identity/x509/der.ts';
import { createDerWriter } from '../../src/identity/x509/der-writer.ts';
import { keyPairOf, makeKeyPair } from '../../src/identity/x509/key-pair.ts';
import { toPem } from '../../src/identity/x509/pem.ts';
import { spkiOf } from '../../src/identity/x509/public-key.ts';
import { randomSerial } from '../../src/identity/x509/serial.ts';
import { serialAndDatesOf } from '../../src/identity/x509/serial-and-dates.ts';
import { type CertificateContent, writeCertificate } from '../../src/identity/x509/write-certificate.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { judgeCertificate } from '../support/judge-certificate.ts';

const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });
const rootKey = ec('P-256');
const root = ca(rootKey.privateKey, { commonName: 'a root' });
const keys: readonly KeyObject[] = [
  ec('P-256').publicKey,
  ec('P-384').publicKey,
  generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey,
];

function ca(key: KeyObject, more: Partial<CertificateContent>) {
  const { pem } = createCertificate({
    ...{ signingKey: signingKeyOf(key), publicKey: createPublicKey(key), uri: 'spiffe://td1', ca: {} },
    ...{ notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 86_400_000) },
    ...more,
  });
  return createSigningCa(pem, key.export({ format: 'pem', type: 'pkcs8' }).toString());
}

function bodyOf(certificate: Uint8Array): Buffer {
  const [body] = readDer(readDerOne(Buffer.from(certificate), derTag.sequence).content);
  if (body === undefined) throw new Error('no certificate');
  return body.raw;
}

const pathLengths = fc.constantFrom(undefined, {}, { pathLength: 0 }, { pathLength: 3 });
const label = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,80}[a-z0-9]$/);
const contents: fc.Arbitrary<CertificateContent> = fc.record({
  serial: fc.stringMatching(/^[0-9a-f]{32}$/).map((digits) => `01${digits}`),
  notBefore: fc.date({ min: new Date('1950-01-01'), max: new Date('2051-01-01'), noInvalidDate: true }).map(whole),
  notAfter: fc.date({ min: new Date('2049-12-31'), max: new Date('9999-12-31'), noInvalidDate: true }).map(whole),
  spki: fc.constantFrom(...keys).map(spkiOf),
  uri: fc.stringMatching(/^spiffe:\/\/[a-z0-9._-]{1,255}(\/[A-Za-z0-9._-]{1,100}){0,4}$/),
  dnsNames: fc.array(label, { maxLength: 20 }),
  // Without what the library reads as an escape or as hexadecimal.
  commonName: fc.option(fc.stringMatching(/^[A-Za-z0-9 '()+,./:=?@ü*_-]{1,64}$/), { nil: undefined }),
  nodeKey: fc.option(fc.stringMatching(/^[0-9a-f]{64}$/), { nil: undefined }),
  ca: pathLengths,
});

function whole(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}

describe('a certificate', () => {
  it('is, but for its signature, byte for byte that of an X.509 library', async () => {
    await fc.assert(
      fc.asyncProperty(contents, fc.boolean(), async (content, selfSigned) => {
        const ours = writeCertificate(selfSigned ? content : { ...content, issuer: root }, rootKey.privateKey);
        const theirs = await judgeCertificate(
          content,
          rootKey.privateKey,
          selfSigned ? undefined : root.certificate.raw,
        );
        expect(bodyOf(ours).toString('hex')).toBe(bodyOf(theirs).toString('hex'));
        const read = new X509Certificate(ours);
        expect(read.verify(rootKey.publicKey)).toBe(true);
        expect(serialAndDatesOf(ours)).toEqual({
          serial: read.serialNumber.toLowerCase(),
          notBefore: read.validFromDate.getTime(),
          notAfter: read.validToDate.getTime(),
        });
        const [, algorithm] = readDer(readDerOne(ours, derTag.sequence).content);
        expect(algorithm?.raw).toEqual(readDer(readDerOne(theirs, derTag.sequence).content)[1]?.raw);
      }),
    );
  });

  it('of each kind is verified strictly by OpenSSL', () => {
    const dir = temporaryFolder('written');
    const key = ec('P-256');
    const dates = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 60_000) };
    const below = createCertificate({
      ...{ issuer: root, signingKey: root.key, publicKey: key.publicKey, uri: 'spiffe://td1', commonName: 'i' },
      ...{ ...dates, ca: { pathLength: 0 } },
    });
    const issuer = createSigningCa(below.pem, key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
    writeFileSync(join(dir, 'root.pem'), root.pem);
    writeFileSync(join(dir, 'issuer.pem'), issuer.pem);
    for (const [number, publicKey] of [...keys, makeKeyPair().spki].entries()) {
      for (const commonName of [undefined, 'api']) {
        const file = join(dir, `${number}-${commonName}.pem`);
        const { pem } = createCertificate({
          ...{ issuer, signingKey: issuer.key, publicKey, uri: 'spiffe://td1/service/api', dnsNames: ['api.example'] },
          ...{ ...dates, commonName, nodeKey: 'ab'.repeat(32) },
        });
        writeFileSync(file, pem);
        const files = ['-CAfile', join(dir, 'root.pem'), '-untrusted', join(dir, 'issuer.pem'), file];
        const answer = execFileSync('openssl', ['verify', '-x509_strict', '-check_ss_sig', ...files], {
          encoding: 'utf8',
        });
        expect(answer).toContain(': OK');
      }
    }
  });

  it('names its issuer as that names itself, and by its key where that has no name for it', async () => {
    const key = ec('P-256');
    const pair = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const bare = await X509CertificateGenerator.createSelfSigned(
      { keys: pair, name: 'CN=without extensions' },
      webcrypto,
    );
    const foreign = createSigningCa(
      bare.toString('pem'),
      KeyObject.from(pair.privateKey).export({ format: 'pem', type: 'pkcs8' }).toString(),
    );
    const { keyId } = new SubjectKeyIdentifierExtension(
      (await SubjectKeyIdentifierExtension.create(bare.publicKey)).rawData,
    );
    expect(Buffer.from(foreign.keyId).toString('hex')).toBe(keyId);
    const content = {
      ...{ serial: randomSerial(), spki: spkiOf(key.publicKey), uri: 'spiffe://td1/a' },
      ...{ notBefore: new Date(), notAfter: new Date(Date.now() + 60_000) },
    };
    const leaf = new X509Certificate(writeCertificate({ ...content, issuer: root }, root.key));
    expect(leaf.checkIssued(root.certificate)).toBe(true);
    expect(leaf.issuer).toBe(root.certificate.subject);
  });

  it.each(['spiffe://td1/ä', 'spiffe://td1/a b', '', 'spiffe://td1/\n'])('has no name like %j', (uri) => {
    const content = { serial: randomSerial(), spki: makeKeyPair().spki, notBefore: new Date(), notAfter: new Date() };
    expect(() => writeCertificate({ ...content, uri }, rootKey.privateKey)).toThrow(/printable ASCII/);
    expect(() => writeCertificate({ ...content, uri: 'spiffe://td1', dnsNames: [uri] }, rootKey.privateKey)).toThrow(
      /printable ASCII/,
    );
  });
});

describe('a key pair', () => {
  it('is written as OpenSSL writes it', () => {
    const { spki, privateKey } = makeKeyPair();
    const key = createPrivateKey(privateKey.reveal());
    expect(key.export({ format: 'pem', type: 'pkcs8' })).toBe(privateKey.reveal());
    expect(createPublicKey(key).export({ format: 'der', type: 'spki' })).toEqual(spki);
  });

  it('has all its bytes, also where the private key begins with zeros', () => {
    const { d = '', x = '', y = '' } = createPrivateKey(makeKeyPair().privateKey.reveal()).export({ format: 'jwk' });
    const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
    const short = keyPairOf(Buffer.from(d, 'base64url').subarray(2), point).privateKey.reveal();
    const full = keyPairOf(
      Buffer.concat([Buffer.alloc(2), Buffer.from(d, 'base64url').subarray(2)]),
      point,
    ).privateKey.reveal();
    expect(short).toBe(full);
  });

  it('is another one each time, and shows its private key to nobody', () => {
    const pairs = Array.from({ length: 50 }, makeKeyPair);
    expect(new Set(pairs.map(({ spki }) => spki.toString('hex'))).size).toBe(50);
    expect(JSON.stringify(pairs[0])).toContain('[redacted]');
  });
});

it('signs with no key but one of P-256', () => {
  expect(() => signingKeyOf(ec('P-384').privateKey)).toThrow(/no P-256 key/);
  expect(() => signingKeyOf(rootKey.publicKey)).toThrow(/no P-256 key/);
});

it('numbers certificates by 128 random bits, none twice', () => {
  const serials = Array.from({ length: 2000 }, randomSerial);
  expect(new Set(serials).size).toBe(2000);
  for (const serial of serials) expect(serial).toMatch(/^01[0-9a-f]{32}$/);
  // Each bit is set in about half of them: a pool that ran dry would be zeros.
  for (let at = 2; at < 34; at += 1) {
    const odd = serials.filter((serial) => Number.parseInt(serial[at] ?? '', 16) % 2 === 1).length;
    expect(odd).toBeGreaterThan(700);
    expect(odd).toBeLessThan(1300);
  }
});

it('writes lengths of every size, and no more than it has room for', () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const writer = createDerWriter(length + 8);
    const end = writer.mark();
    writer.put(Buffer.alloc(length, 7));
    writer.wrap(derTag.octetString, end);
    expect(readDerOne(writer.bytes(), derTag.octetString).content.length).toBe(length);
  }
  const small = createDerWriter(2);
  small.put(Buffer.alloc(1));
  expect(() => small.wrap(derTag.octetString, 2)).toThrow(RangeError);
  expect(() => createDerWriter(2).put(Buffer.alloc(3))).toThrow(RangeError);
  expect(toPem(Buffer.alloc(0), 'X')).toBe('-----BEGIN X-----\n\n-----END X-----\n');
});
