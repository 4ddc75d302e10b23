// The CA that came before the mesh, and client certificates of it: what permissive services still take, as anonymous callers.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** PEM. */
export interface ClientCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface LegacyAuthority {
  readonly name: string;
  /** PEM. */
  readonly certificate: string;
  issue(san: { readonly type: 'dns' | 'url'; readonly value: string }): Promise<ClientCertificate>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;

export async function createLegacyAuthority(name: string): Promise<LegacyAuthority> {
  const issuer = `CN=${name}`;
  const validity = { notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + dayMs) };
  const makeKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const keys = await makeKeys();
  const root = await X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: issuer,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    name,
    certificate: root.toString('pem'),
    async issue(san) {
      const own = await makeKeys();
      const leaf = await X509CertificateGenerator.create({
        ...validity,
        issuer,
        subject: 'CN=load-balancer-7',
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new SubjectAlternativeNameExtension([san]),
          await AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ],
      });
      const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', own.privateKey));
      const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
      return {
        certificate: leaf.toString('pem'),
        key: ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n'),
      };
    },
  };
}
