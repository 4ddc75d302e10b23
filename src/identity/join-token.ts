// The text of a join token: `cw1.<32 random bytes>.<SHA-256 of the root certificate>`, base64url. The fingerprint is for the
// one who joins, so that the first contact is with the right control plane.
import { CellwallError } from '../lib/errors.ts';

const pattern = /^cw1\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/;

export interface JoinToken {
  readonly secret: string;
  readonly rootFingerprint: string;
}

/** Throws without quoting the text: what is malformed may still hold a secret. */
export function parseJoinToken(text: string): JoinToken {
  const [, secret, rootFingerprint] = pattern.exec(text.trim()) ?? [];
  if (secret === undefined || rootFingerprint === undefined) {
    throw new CellwallError('invalid_argument', 'this is no join token', {
      hint: 'a token begins with "cw1." and is made by: cellwall token create',
    });
  }
  return { secret, rootFingerprint };
}

export function formatJoinToken({ secret, rootFingerprint }: JoinToken): string {
  return `cw1.${secret}.${rootFingerprint}`;
}
