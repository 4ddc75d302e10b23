// The text of a join token: a secret, and what the joining host needs to make sure that its first contact is with the right control plane:
// the fingerprints of the trust domain's roots. With one root, which names the trust domain itself: `cw1.<32 random bytes>.<SHA-256 of the
// root>`; with several, or one that names none: `cw2.<32 random bytes>.<trust domain>.<SHA-256 of a root>…`. Each part is base64url.
import { CellwallError } from '../lib/errors.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';

const pattern = /^cw([12])\.([A-Za-z0-9_-]{43})(?:\.([A-Za-z0-9_-]{1,340}))?((?:\.[A-Za-z0-9_-]{43}){1,16})$/;
/** Longer than any. */
const maxLength = 1200;

export interface JoinToken {
  readonly secret: string;
  /** SHA-256 of each root, base64url: at least one. */
  readonly rootFingerprints: readonly string[];
  /** Absent: the root names it. */
  readonly trustDomain?: TrustDomain;
}

/** Throws without quoting the text: a malformed token may still contain a secret. */
export function parseJoinToken(text: string): JoinToken {
  const [, version, secret, name, fingerprints = ''] = pattern.exec(text.slice(0, maxLength).trim()) ?? [];
  const rootFingerprints = fingerprints.split('.').slice(1);
  if (secret !== undefined && version === '1' && name === undefined && rootFingerprints.length === 1) {
    return { secret, rootFingerprints };
  }
  const trustDomain = Buffer.from(name ?? '', 'base64url').toString('latin1');
  if (secret !== undefined && version === '2' && isTrustDomain(trustDomain)) {
    return { secret, rootFingerprints, trustDomain };
  }
  throw new CellwallError('invalid_argument', 'this is no join token', {
    hint: 'a token begins with "cw1." or "cw2." and is made by: cellwall token create',
  });
}

/** As in model/spiffe-id.ts, which would load a schema library into every helper. SPIFFE-ID §2.1. */
function isTrustDomain(text: string): text is TrustDomain {
  return /^[a-z0-9._-]{1,255}$/.test(text);
}

/** The result is a secret. `cw1` if the root names the trust domain, otherwise `cw2`. */
export function formatJoinToken({ secret, rootFingerprints, trustDomain }: JoinToken): string {
  const name = trustDomain === undefined ? [] : [Buffer.from(trustDomain, 'latin1').toString('base64url')];
  return [trustDomain === undefined ? 'cw1' : 'cw2', secret, ...name, ...rootFingerprints].join('.');
}
