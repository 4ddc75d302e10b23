// An operator's SVID as the credential of the admin API: mTLS to its TLS port. The server is trusted by the trust domain's root and its
// exact SPIFFE ID, or, if its certificate comes from another authority, by that authority and its host name.
import { X509Certificate } from 'node:crypto';
import { type ConnectionOptions, checkServerIdentity, getCACertificates } from 'node:tls';
import type { Redacted } from '../lib/redacted.ts';

export interface SvidCredential {
  /** PEM, leaf first. */
  readonly chain: string;
  readonly key: Redacted<string>;
  /** PEM of the trust domain's roots. */
  readonly bundle: string;
}

/** TLS 1.3 only. */
export function svidTls({ chain, key, bundle }: SvidCredential): ConnectionOptions {
  const roots = (bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
  const [, trustDomain] =
    /(?:^|, )URI:(spiffe:\/\/[a-z0-9._-]+)\//.exec(new X509Certificate(chain).subjectAltName ?? '') ?? [];
  return {
    cert: chain,
    key: key.reveal(),
    ca: [...roots.map((root) => root.toString()), ...getCACertificates('default')],
    minVersion: 'TLSv1.3',
    checkServerIdentity(host, certificate) {
      const top = new X509Certificate(rootOf(certificate).raw);
      const root = roots.find((one) => one.fingerprint256 === top.fingerprint256);
      if (root === undefined) return checkServerIdentity(host, certificate);
      if (certificate.subjectaltname === `URI:${trustDomain}/cellwall/server`) return undefined;
      return new Error(`the server is ${certificate.subjectaltname ?? 'nobody'}, and not the control plane`);
    },
  };
}

type Chained = { readonly raw: Buffer; readonly issuerCertificate?: Chained };

function rootOf(leaf: Chained): Chained {
  let at = leaf;
  for (let depth = 0; depth < 8; depth++) {
    if (at.issuerCertificate === undefined || at.issuerCertificate === at) break;
    at = at.issuerCertificate;
  }
  return at;
}
