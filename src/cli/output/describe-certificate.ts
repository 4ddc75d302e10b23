// What a certificate contains, for people. It describes; it does not verify.
import { X509Certificate } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';

export interface CertificateDescription {
  /** Absent unless there is exactly one URI name (X509-SVID §2). */
  readonly spiffeId?: string;
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly dnsNames: readonly string[];
  /** Epoch milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly sha256: string;
}

/** Of the first certificate in `pem`. Throws `invalid_argument` if there is none; `file` is for that message. */
export function describeCertificate(pem: string, file: string): CertificateDescription {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (cause) {
    throw new CellwallError('invalid_argument', `${file} contains no certificate`, {
      hint: 'a PEM file that begins with "-----BEGIN CERTIFICATE-----"',
      cause,
    });
  }
  const names = (certificate.subjectAltName ?? '').split(', ');
  const uris = names.filter((name) => name.startsWith('URI:')).map((name) => name.slice('URI:'.length));
  const [spiffeId] = uris;
  return {
    ...(spiffeId === undefined || uris.length !== 1 ? {} : { spiffeId }),
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    serial: certificate.serialNumber.toLowerCase(),
    dnsNames: names.filter((name) => name.startsWith('DNS:')).map((name) => name.slice('DNS:'.length)),
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

function oneLine(name: string | undefined): string {
  return name === undefined || name === '' ? '-' : name.split('\n').join(', ');
}
