// CAs that can sign, and the certificates that they sign.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { derTag, readDer, readDerOne } from '../x509/der.ts';
import { extensionsOf } from '../x509/extensions.ts';
import { keyIdOf } from '../x509/key-id.ts';
import { toPem } from '../x509/pem.ts';
import { spkiOf } from '../x509/public-key.ts';
import { randomSerial } from '../x509/serial.ts';
import { type CertificateContent, type CertificateIssuer, writeCertificate } from '../x509/write-certificate.ts';

/** A CA that can sign: its certificate and its key. */
export interface SigningCa extends CertificateIssuer {
  readonly certificate: X509Certificate;
  readonly pem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly key: KeyObject;
}

export interface CertificateParams extends Omit<CertificateContent, 'serial' | 'spki'> {
  /** The issuer; a certificate without an issuer is self-signed. P-256. */
  readonly signingKey: KeyObject;
  /** A key, or its SubjectPublicKeyInfo as DER. */
  readonly publicKey: KeyObject | Uint8Array;
}

const subjectKeyIdentifier = '551d0e';

/** Throws `failed_precondition` unless it is a P-256 private key, the only kind that signs here. */
export function signingKeyOf(key: KeyObject): KeyObject {
  if (key.type === 'private' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  throw new CellwallError('failed_precondition', 'the key of the CA is no P-256 key');
}

/**
 * Throws if certificate or key cannot be parsed, or the key is not P-256; whether they belong together is not checked.
 */
export function createSigningCa(pem: string, keyPem: string): SigningCa {
  const certificate = new X509Certificate(pem);
  return {
    certificate,
    pem,
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    ...issuerOf(certificate),
    key: signingKeyOf(createPrivateKey(keyPem)),
  };
}

/** How the certificates that it signs name it. Throws as `createSigningCa` does. */
export function issuerOf({ raw, publicKey }: X509Certificate): CertificateIssuer {
  const named = extensionsOf(raw).get(subjectKeyIdentifier);
  return {
    subject: subjectOf(raw),
    // If it has no key identifier, the one that it would give itself is used.
    keyId: named === undefined ? keyIdOf(spkiOf(publicKey)) : readDerOne(named, derTag.octetString).content,
  };
}

/** A signed certificate, as PEM with its serial (hex). */
export function createCertificate(params: CertificateParams): { readonly pem: string; readonly serial: string } {
  const { signingKey, publicKey, ...content } = params;
  const spki = publicKey instanceof Uint8Array ? publicKey : spkiOf(publicKey);
  const serial = randomSerial();
  return { pem: toPem(writeCertificate({ ...content, serial, spki }, signingKey), 'CERTIFICATE'), serial };
}

/**
 * The subject of a certificate as encoded in it (Name, DER): certificates below must name it byte for byte (RFC 5280 §6.1.3). Throws
 * `invalid_argument` if it is not a version 3 certificate.
 */
function subjectOf(certificate: Uint8Array): Buffer {
  const [body] = readDer(readDerOne(Buffer.from(certificate), derTag.sequence).content);
  // version [0], serial, algorithm, issuer, validity, subject
  const [version, , , , , subject] = body === undefined ? [] : readDer(body.content);
  if (version?.tag === 0xa0 && subject?.tag === derTag.sequence) return subject.raw;
  throw new CellwallError('invalid_argument', 'no X.509 certificate of version 3');
}
