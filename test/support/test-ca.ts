// A throw-away certificate authority for tests: P-256, PEM in memory, or files for programs that read them.
import 'reflect-metadata';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { withHostName } from './host-san.ts';

export interface TestCertificate {
  /** Leaf, PEM. */
  readonly certificate: string;
  /** PKCS#8, PEM. */
  readonly key: string;
  /** The CA that signed it, PEM. */
  readonly root: string;
}

export interface TestCertificateOptions {
  /** Given, the only URI SAN. */
  readonly uri?: string;
  /** More of them, which no SVID may have. */
  readonly moreUris?: readonly string[];
  /** Default: none. */
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  /** Default: an hour. */
  readonly lifetimeMs?: number;
  /** From now on. Default: a minute ago. */
  readonly beginsInMs?: number;
  /** The host that it is bound to, 64 hexadecimal digits. Default: none. */
  readonly nodeKey?: string;
  /** Default: `CN=test`. */
  readonly subject?: string;
}

export interface TestCa {
  readonly root: string;
  issue(options: TestCertificateOptions): Promise<TestCertificate>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const hour = 3_600_000;

export async function createTestCa(name = 'test root'): Promise<TestCa> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const root = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 24 * hour),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return {
    root: root.toString('pem'),
    async issue({ uri, moreUris = [], dns = [], ip = [], nodeKey, ...options }) {
      const { lifetimeMs = hour, beginsInMs = -60_000, subject = 'CN=test' } = options;
      const leaf = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const names = [
        ...[...(uri === undefined ? [] : [uri]), ...moreUris].map((value) => ({ type: 'url' as const, value })),
        ...dns.map((value) => ({ type: 'dns' as const, value })),
        ...ip.map((value) => ({ type: 'ip' as const, value })),
      ];
      const certificate = await X509CertificateGenerator.create({
        subject,
        issuer: root.subject,
        publicKey: leaf.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        notBefore: new Date(Date.now() + beginsInMs),
        notAfter: new Date(Date.now() + lifetimeMs),
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          ...(names.length === 0 ? [] : [withHostName(new SubjectAlternativeNameExtension(names), nodeKey)]),
        ],
      });
      const pkcs8 = await crypto.subtle.exportKey('pkcs8', leaf.privateKey);
      return {
        certificate: certificate.toString('pem'),
        key: PemConverter.encode(pkcs8, 'PRIVATE KEY'),
        root: root.toString('pem'),
      };
    },
  };
}

/** Writes `cert.pem`, `key.pem` (0600) and `root.pem` into `folder`; answers their paths. */
export function writeTestCertificate(
  folder: string,
  issued: TestCertificate,
): Readonly<Record<keyof TestCertificate, string>> {
  mkdirSync(folder, { recursive: true });
  const paths = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), root: join(folder, 'root.pem') };
  writeFileSync(paths.certificate, issued.certificate);
  writeFileSync(paths.key, issued.key, { mode: 0o600 });
  writeFileSync(paths.root, issued.root);
  return paths;
}
