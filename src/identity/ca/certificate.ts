// Builds and signs certificates to the letter of X509-SVID (https://spiffe.io/docs/latest/spiffe-specs/x509-svid/).
import 'reflect-metadata';
import { createPrivateKey, type KeyObject, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as ParsedCertificate,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { nodeKeyExtensionValue, nodeKeyOid } from '../x509/node-key-extension.ts';

/** A CA that can sign: its certificate and its key, ready for WebCrypto. */
export interface SigningCa {
  readonly certificate: X509Certificate;
  readonly pem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly parsed: ParsedCertificate;
  readonly key: webcrypto.CryptoKey;
}

export interface CertificateParams {
  /** Absent: self-signed with `signingKey`. */
  readonly issuer?: SigningCa;
  readonly signingKey: webcrypto.CryptoKey;
  readonly publicKey: KeyObject;
  readonly uri: string;
  readonly dnsNames?: readonly string[];
  readonly commonName?: string;
  /** Of the host that it belongs to. */
  readonly nodeKey?: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** CA:TRUE, with this path length when given. */
  readonly ca?: { readonly pathLength?: number };
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export async function signingKeyOf(key: KeyObject): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', key.export({ format: 'der', type: 'pkcs8' }), algorithm, false, ['sign']);
}

export async function createSigningCa(pem: string, keyPem: string): Promise<SigningCa> {
  const certificate = new X509Certificate(pem);
  return {
    certificate,
    pem,
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    parsed: new ParsedCertificate(certificate.raw),
    key: await signingKeyOf(createPrivateKey(keyPem)),
  };
}

/** A signed certificate, as PEM with its serial. */
export async function createCertificate(
  params: CertificateParams,
): Promise<{ readonly pem: string; readonly serial: string }> {
  const { issuer, publicKey, uri, dnsNames = [], commonName, nodeKey, ca } = params;
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const names: JsonGeneralName[] = [{ type: 'url', value: uri }];
  for (const value of dnsNames) names.push({ type: 'dns', value });
  const subjectKey = await SubjectKeyIdentifierExtension.create(new Uint8Array(spki));
  const issuerKey = issuer?.parsed.getExtension(SubjectKeyIdentifierExtension)?.keyId ?? subjectKey.keyId;
  const extensions: Extension[] = [
    // X509-SVID §4.1: only signing certificates are CAs; §4.3: key usage is critical.
    new BasicConstraintsExtension(ca !== undefined, ca?.pathLength, true),
    new KeyUsagesExtension(
      ca === undefined ? KeyUsageFlags.digitalSignature : KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
      true,
    ),
    subjectKey,
    new AuthorityKeyIdentifierExtension(issuerKey),
    // RFC 5280 §4.2.1.6: critical exactly when the subject is empty.
    new SubjectAlternativeNameExtension(names, commonName === undefined),
  ];
  // X509-SVID §4.4: both, as every workload is client and server.
  if (ca === undefined) {
    extensions.push(new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]));
  }
  if (nodeKey !== undefined) extensions.push(new Extension(nodeKeyOid, false, nodeKeyExtensionValue(nodeKey)));
  const serial = randomSerial();
  const subject = commonName === undefined ? '' : [{ O: ['Cellwall'] }, { CN: [commonName] }];
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serial,
      subject,
      issuer: issuer?.parsed.subjectName ?? subject,
      notBefore: params.notBefore,
      notAfter: params.notAfter,
      extensions,
      publicKey: new Uint8Array(spki),
      signingKey: params.signingKey,
      signingAlgorithm: algorithm,
    },
    webcrypto,
  );
  return { pem: `${certificate.toString('pem').trim()}\n`, serial };
}

/** 128 random bits, positive, of fixed length: RFC 5280 §4.1.2.2 allows 20 octets. */
export function randomSerial(): string {
  return `01${randomBytes(16).toString('hex')}`;
}
