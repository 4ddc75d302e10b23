// Whether a token is a JWT-SVID of the trust domain for that audience, by the keys of the trust domain alone.
// https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md

import type { JsonObject } from '@bufbuild/protobuf';
import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import { CellwallError } from '../lib/errors.ts';
import { parseSpiffeId } from '../model/spiffe-id.ts';
import { jwkSet } from './jwk-set.ts';

export interface VerifyJwt {
  readonly token: string;
  readonly audience: string;
  /** As in `spiffe://example.org`. */
  readonly trustDomain: string;
  /** A JWK Set, as text. */
  readonly keys: string | undefined;
  /** Default: that of our own keys. */
  readonly algorithms?: readonly string[];
  /** Epoch milliseconds. */
  readonly now: number;
}

export interface VerifiedJwt {
  readonly spiffeId: string;
  readonly claims: JsonObject;
}

/** JWT-SVID §2: whatever another trust domain may use, by keys of that kind. */
export const foreignAlgorithms = ['RS', 'PS', 'ES'].flatMap((kind) => ['256', '384', '512'].map((bits) => kind + bits));

const mostBytes = 8192;
/** Between two hosts' clocks. */
const skewS = 30;

/**
 * Throws `invalid_argument` with the reason. The algorithm is the one that keys of the trust domain have; keys named in a token (`jwk`,
 * `jku`, `x5u`, `x5c`) are never looked at, and neither is a token with `crit`.
 */
export async function verifyJwt({
  token,
  audience,
  trustDomain,
  keys,
  algorithms = ['ES256'],
  now,
}: VerifyJwt): Promise<VerifiedJwt> {
  if (keys === undefined) throw new CellwallError('unavailable', 'the keys of the trust domain are not known yet');
  if (token.length > mostBytes) throw refused('it is too long');
  try {
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(jwkSet(keys)), {
      algorithms: [...algorithms],
      audience,
      currentDate: new Date(now),
      clockTolerance: skewS,
      requiredClaims: ['sub', 'aud', 'exp'],
    });
    const { typ = 'JWT' } = protectedHeader;
    if (typ !== 'JWT' && typ !== 'JOSE') throw refused('its "typ" is neither JWT nor JOSE');
    // JWT-SVID §3.1. Whoever asked compares it with names and prefixes: "spiffe://a/../b", and whatever else an issuer may sign, is none.
    const spiffeId = parseSpiffeId(payload.sub ?? '');
    if (spiffeId === undefined) throw refused('its subject is no SPIFFE ID');
    if (!spiffeId.startsWith(`${trustDomain}/`)) throw refused(`its subject is not of ${trustDomain}`);
    const claims: JsonObject = JSON.parse(JSON.stringify(payload));
    return { spiffeId, claims };
  } catch (reason) {
    if (reason instanceof CellwallError) throw reason;
    throw refused(reason instanceof errors.JOSEError ? reason.message : 'it cannot be read', reason);
  }
}

/** Of what `verifyJwt` threw: the token names a key that is not among those that are known. */
export function isUnknownKey(reason: unknown): boolean {
  return reason instanceof CellwallError && reason.cause instanceof errors.JWKSNoMatchingKey;
}

function refused(why: string, cause?: unknown): CellwallError {
  return new CellwallError('invalid_argument', `not a valid JWT-SVID: ${why}`, { cause });
}
