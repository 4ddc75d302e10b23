// The root CA that a folder of the built-in authority already has, before the authority is opened: which one, and its trust domain.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTrustDomain, type TrustDomain } from '../../model/spiffe-id.ts';
import { certificateFingerprint } from '../x509/fingerprint.ts';
import { uriSans } from '../x509/uri-sans.ts';

export interface KnownRoot {
  readonly trustDomain: TrustDomain;
  readonly fingerprint: string;
}

/** Undefined if there is none, or none that can be read: the authority reports what is wrong when it starts. */
export function knownRoot(dir: string): KnownRoot | undefined {
  try {
    const { raw } = new X509Certificate(readFileSync(join(dir, 'root', 'certificate.pem')));
    const trustDomain = parseTrustDomain((uriSans(raw)[0] ?? '').replace(/^spiffe:\/\//, ''));
    return typeof trustDomain === 'string' ? { trustDomain, fingerprint: certificateFingerprint(raw) } : undefined;
  } catch {
    return undefined;
  }
}
