// Judges the PEM of a legacy authority before it can reach a proxy as trust anchors.
import { X509Certificate } from 'node:crypto';

export interface CertificateFault {
  readonly message: string;
  readonly hint: string;
}

const block = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]*-----END \1-----/g;

/** What is wrong with it; undefined if it is one or more CA certificates and nothing else. Never repeats its content. */
export function legacyCertificateFault(pem: string): CertificateFault | undefined {
  const blocks = [...pem.matchAll(block)];
  if (blocks.length === 0) {
    return { message: 'no PEM certificate in it', hint: 'paste the CA as "-----BEGIN CERTIFICATE-----…" after "|"' };
  }
  if (pem.replace(block, '').trim() !== '') {
    return { message: 'text between or around the PEM blocks', hint: 'keep only the certificates' };
  }
  for (const [index, [text, label]] of blocks.entries()) {
    const nth = `PEM block ${index + 1} of ${blocks.length}`;
    if (label !== 'CERTIFICATE') {
      const hint = label?.endsWith('PRIVATE KEY')
        ? 'remove the key, and replace it with a new one: documents are not secret'
        : 'only certificates belong here';
      return { message: `${nth} is a ${label}, not a certificate`, hint };
    }
    const certificate = parseCertificate(text);
    if (certificate === undefined)
      return { message: `${nth} is not a valid certificate`, hint: 'paste it again, whole' };
    if (!certificate.ca) {
      return {
        message: `${nth} is not a CA certificate`,
        hint: 'name the CA that signed it; a leaf cannot be trusted as one',
      };
    }
  }
  return undefined;
}

function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
