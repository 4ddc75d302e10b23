// The root CA that a folder of the built-in authority already has, before the authority is opened: which one, and its trust domain.
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTrustDomain, type TrustDomain } from '../../model/spiffe-id.ts';
import { readRootsRecord, rootsNote } from '../roots/roots-note.ts';
import { activeRoot, firstRecord } from '../roots/roots-record.ts';
import { certificateFingerprint } from '../x509/fingerprint.ts';
import { uriSans } from '../x509/uri-sans.ts';

export interface KnownRoot {
  readonly trustDomain: TrustDomain;
  /** Also those of roots that it had. */
  readonly fingerprints: readonly string[];
}

/** Undefined if there is none, or none that can be read: the authority reports what is wrong when it starts. */
export function knownRoot(dir: string): KnownRoot | undefined {
  try {
    const note = join(dir, rootsNote);
    const record = existsSync(note)
      ? readRootsRecord(readFileSync(note, 'utf8'), note)
      : firstRecord(readFileSync(join(dir, 'root', 'certificate.pem'), 'utf8'));
    const { raw } = new X509Certificate(activeRoot(record).pem);
    const trustDomain = parseTrustDomain((uriSans(raw)[0] ?? '').replace(/^spiffe:\/\//, ''));
    const all = [...record.roots.map(({ pem }) => pem), ...record.removed];
    const fingerprints = all.map((pem) => certificateFingerprint(new X509Certificate(pem).raw));
    return typeof trustDomain === 'string' ? { trustDomain, fingerprints } : undefined;
  } catch {
    return undefined;
  }
}
