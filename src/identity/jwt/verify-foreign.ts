// Whether a token is one of an issuer that this control plane was told to believe. The algorithm is one of a fixed list, the keys are those
// of the issuer alone: what a token says about its own key (`jwk`, `jku`, `x5u`, `x5c`) is never looked at.
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { CellwallError } from '../../lib/errors.ts';
import type { IssuerKeys } from './issuer-keys.ts';

export interface VerifyForeign {
  readonly token: unknown;
  readonly issuer: string;
  readonly audience: string;
  readonly keys: IssuerKeys;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Default: every one that signs with a private key. */
  readonly algorithms?: readonly string[];
}

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const mostBytes = 16_384;
/** Faults of clocks: the issuer's, and this host's. */
export const skewS = 60;

/**
 * Throws `unauthenticated`, without a word of what is in the token (`whyForeign` says more); `unavailable` if the issuer's keys were never
 * to be had.
 */
export async function verifyForeign(options: VerifyForeign): Promise<JWTPayload> {
  const { token, keys } = options;
  if (typeof token !== 'string' || token.length > mostBytes) throw refused('there is no token in the evidence');
  try {
    const these = await keys.current();
    try {
      return await verified(token, these, options);
    } catch (reason) {
      // A key that the issuer has made since.
      const unknownKey = reason instanceof errors.JWKSNoMatchingKey;
      if (!unknownKey || !(await keys.again(these))) throw reason;
      return await verified(token, await keys.current(), options);
    }
  } catch (reason) {
    return tell(reason);
  }
}

async function verified(token: string, keys: JWTVerifyGetKey, options: VerifyForeign): Promise<JWTPayload> {
  try {
    return await verifiedBy(token, keys, options);
  } catch (reason) {
    if (!(reason instanceof errors.JWKSMultipleMatchingKeys)) throw reason;
    // RFC 7517 §4.5 does not say that a name is given once. It is one of these, or the signature is nobody's.
    let last: unknown = reason;
    for await (const key of reason) {
      try {
        return await verifiedBy(token, async () => key, options);
      } catch (other) {
        if (!(other instanceof errors.JWSSignatureVerificationFailed)) throw other;
        last = other;
      }
    }
    throw last;
  }
}

async function verifiedBy(
  token: string,
  key: JWTVerifyGetKey,
  { issuer, audience, now, algorithms: allowed = algorithms }: VerifyForeign,
): Promise<JWTPayload> {
  const { payload } = await jwtVerify(token, key, {
    ...{ algorithms: [...allowed], issuer, audience },
    currentDate: new Date(now),
    clockTolerance: skewS,
    requiredClaims: ['iss', 'aud', 'exp'],
  });
  return payload;
}

function tell(reason: unknown): never {
  if (reason instanceof CellwallError) throw reason;
  throw refused(reason instanceof errors.JOSEError ? told(reason) : 'the token cannot be read', reason);
}

/** Why `verifyForeign` refused, for operators: which claim, and what of it. */
export function whyForeign({ message, cause }: CellwallError): string {
  const claims = cause instanceof errors.JWTClaimValidationFailed || cause instanceof errors.JWTExpired;
  return claims ? `${message} (${cause.claim}: ${cause.reason.replaceAll('_', ' ')})` : message;
}

/** The library's messages name claims, never their values; of others, only the kind is told. */
function told({ code }: errors.JOSEError): string {
  return reasons[code] ?? 'the token cannot be read';
}

const reasons: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'the token has expired',
  ERR_JWT_CLAIM_VALIDATION_FAILED: 'the token is of another issuer, for another audience, or not valid yet',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'the signature of the token is not its issuer’s',
  ERR_JWKS_NO_MATCHING_KEY: 'the issuer has no key by the name that the token gives',
  ERR_JOSE_ALG_NOT_ALLOWED: 'the algorithm of the token is not allowed',
};

function refused(message: string, cause?: unknown): CellwallError {
  return new CellwallError('unauthenticated', message, { hint: 'see docs/identities.md, "Attestors"', cause });
}
