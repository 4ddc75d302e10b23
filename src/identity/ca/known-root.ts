// The root CA that a folder of the built-in authority already has, before the authority is opened: which one, and its trust domain.
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTrustDomain, type TrustDomain } from '../../model/spiffe-id.ts';
import { readRootsRecord, rootsNote } from '../roots/roots-note.ts';
import { activeRoot, firstRecord, type RootsRecord } from '../roots/roots-record.ts';
import { certificateFingerprint } from '../x509/fingerprint.ts';
import { uriSans } from '../x509/uri-sans.ts';

/** A copy of the root's certificate, beside it. */
export const knownRootFile = 'bundle.pem';

export interface KnownRoot {
  readonly trustDomain: TrustDomain;
  /** Also those of roots that it had. */
  readonly fingerprints: readonly string[];
}

/**
 * Undefined if there is none, or none that can be read: the authority reports what is wrong when it starts. Where the CA's keys are in the
 * store, only the root's certificate is in the folder.
 */
export function knownRoot(dir: string): KnownRoot | undefined {
  try {
    const record = recordIn(dir);
    const { raw } = new X509Certificate(activeRoot(record).pem);
    const trustDomain = parseTrustDomain((uriSans(raw)[0] ?? '').replace(/^spiffe:\/\//, ''));
    const fingerprints = fingerprintsOf(record);
    return typeof trustDomain === 'string' ? { trustDomain, fingerprints } : undefined;
  } catch {
    return undefined;
  }
}

/** Of the roots that it has, and had. */
export function fingerprintsOf({ roots, removed }: RootsRecord): readonly string[] {
  return [...roots.map(({ pem }) => pem), ...removed].map((pem) =>
    certificateFingerprint(new X509Certificate(pem).raw),
  );
}

function recordIn(dir: string): RootsRecord {
  const note = join(dir, rootsNote);
  if (existsSync(note)) return readRootsRecord(readFileSync(note, 'utf8'), note);
  const own = join(dir, 'root', 'certificate.pem');
  return firstRecord(readFileSync(existsSync(own) ? own : join(dir, knownRootFile), 'utf8'));
}
