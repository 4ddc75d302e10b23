// Client certificates as they come in the field and should not: weak, of another use, ended, of unusual keys, without their chain.
import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]) } as const;

const keyKinds = {
  'P-256': p256,
  'P-384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'P-521': { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
  Ed25519: { name: 'Ed25519' },
  'RSA 1024': { ...rsa, modulusLength: 1024 },
  'RSA 2048': { ...rsa, modulusLength: 2048 },
  'RSA 3072': { ...rsa, modulusLength: 3072 },
  'RSA 4096': { ...rsa, modulusLength: 4096 },
} as const;

export type KeyKind = keyof typeof keyKinds;

export interface OddCertificateOptions {
  readonly key?: KeyKind;
  readonly uri?: string;
  readonly dns?: readonly string[];
  /** Default: for clients and servers. */
  readonly usage?: 'server' | 'client';
  readonly expired?: true;
  /** Signed by an intermediate of the CA: which of the two come with it. */
  readonly intermediate?: 'sent' | 'left out';
  /** Of the leaf's signature. */
  readonly sha1?: true;
}

export interface OddCertificate {
  /** PEM: the leaf, and what comes with it. */
  readonly certificate: string;
  readonly key: string;
}

export interface OddCa {
  readonly root: string;
  issue(options: OddCertificateOptions): Promise<OddCertificate>;
}

const hour = 3_600_000;

/** Its root signs with RSA 2048, so that a leaf may be signed with SHA-1. */
export async function createOddCa(name: string): Promise<OddCa> {
  const keys = await crypto.subtle.generateKey(keyKinds['RSA 2048'], true, ['sign', 'verify']);
  const root = await authority(`CN=${name}`, keys.publicKey, { name: `CN=${name}`, key: keys.privateKey });
  const between = await crypto.subtle.generateKey(keyKinds['RSA 2048'], true, ['sign', 'verify']);
  const intermediate = await authority(`CN=${name} intermediate`, between.publicKey, {
    name: root.subject,
    key: keys.privateKey,
  });
  return {
    root: root.toString('pem'),
    async issue({ key = 'P-256', uri, dns = [], usage, expired, intermediate: by, sha1 }) {
      const generated = await crypto.subtle.generateKey(keyKinds[key], true, ['sign', 'verify']);
      if (!('publicKey' in generated)) throw new Error(`${key} is no pair of keys`);
      const names = [
        ...(uri === undefined ? [] : [{ type: 'url' as const, value: uri }]),
        ...dns.map((value) => ({ type: 'dns' as const, value })),
      ];
      const usages = {
        server: [ExtendedKeyUsage.serverAuth],
        client: [ExtendedKeyUsage.clientAuth],
        both: [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth],
      };
      const leaf = await X509CertificateGenerator.create({
        subject: 'CN=test',
        issuer: by === undefined ? root.subject : intermediate.subject,
        publicKey: generated.publicKey,
        signingKey: by === undefined ? keys.privateKey : between.privateKey,
        signingAlgorithm: { name: rsa.name, hash: sha1 === true ? 'SHA-1' : 'SHA-256' },
        notBefore: new Date(Date.now() - 2 * hour),
        notAfter: new Date(Date.now() + (expired === true ? -hour : hour)),
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension(usages[usage ?? 'both']),
          ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
        ],
      });
      const pkcs8 = await crypto.subtle.exportKey('pkcs8', generated.privateKey);
      const chain = by === 'sent' ? [leaf, intermediate] : [leaf];
      return {
        certificate: chain.map((one) => one.toString('pem')).join('\n'),
        key: PemConverter.encode(pkcs8, 'PRIVATE KEY'),
      };
    },
  };
}

function authority(
  subject: string,
  publicKey: webcrypto.CryptoKey,
  by: { readonly name: string; readonly key: webcrypto.CryptoKey },
): Promise<X509Certificate> {
  return X509CertificateGenerator.create({
    subject,
    issuer: by.name,
    publicKey,
    signingKey: by.key,
    signingAlgorithm: { name: rsa.name, hash: 'SHA-256' },
    notBefore: new Date(Date.now() - 24 * hour),
    notAfter: new Date(Date.now() + 24 * hour),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
}
