// The same certificate as ours, written by an X.509 library: what ours are held against.
import 'reflect-metadata';
import { type KeyObject, webcrypto } from 'node:crypto';
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
import type { CertificateContent } from '../../src/identity/x509/write-certificate.ts';
import { withHostName } from './host-san.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** DER. `issuer`: the certificate of the CA, DER; absent: signed by itself. */
export async function judgeCertificate(
  content: Omit<CertificateContent, 'issuer'>,
  signingKey: KeyObject,
  issuer?: Uint8Array,
): Promise<Buffer> {
  const { spki, uri, dnsNames = [], commonName, nodeKey, ca, serial, notBefore, notAfter } = content;
  const above = issuer === undefined ? undefined : new ParsedCertificate(new Uint8Array(issuer));
  const names: JsonGeneralName[] = [
    { type: 'url', value: uri },
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
  ];
  const publicKey = new Uint8Array(spki);
  const subjectKey = await SubjectKeyIdentifierExtension.create(publicKey);
  const usage = ca === undefined ? KeyUsageFlags.digitalSignature : KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
  const extensions: Extension[] = [
    new BasicConstraintsExtension(ca !== undefined, ca?.pathLength, true),
    new KeyUsagesExtension(usage, true),
    subjectKey,
    new AuthorityKeyIdentifierExtension(
      above?.getExtension(SubjectKeyIdentifierExtension)?.keyId ?? (above === undefined ? subjectKey.keyId : ''),
    ),
    withHostName(new SubjectAlternativeNameExtension(names, commonName === undefined), nodeKey),
  ];
  if (ca === undefined) {
    extensions.push(new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]));
  }
  if (nodeKey !== undefined) {
    const value = Buffer.concat([Buffer.from([4, 32]), Buffer.from(nodeKey, 'hex')]);
    extensions.push(new Extension('2.25.815473625', false, value));
  }
  const subject = commonName === undefined ? '' : [{ O: ['Cellwall'] }, { CN: [commonName] }];
  const certificate = await X509CertificateGenerator.create(
    {
      ...{ serialNumber: serial, subject, issuer: above?.subjectName ?? subject, notBefore, notAfter, extensions },
      publicKey,
      signingKey: await webcrypto.subtle.importKey(
        'pkcs8',
        signingKey.export({ format: 'der', type: 'pkcs8' }),
        algorithm,
        false,
        ['sign'],
      ),
      signingAlgorithm: algorithm,
    },
    webcrypto,
  );
  return Buffer.from(certificate.rawData);
}
