// The keys in an issuer's JWK Set that can verify a token: public, for signatures, of an algorithm that is fixed. RFC 7517, RFC 7518.
import { z } from 'zod';
import { CellwallError } from '../../lib/errors.ts';
import { publicJwk } from '../../lib/public-jwk.ts';

const mostKeys = 100;
const text = z.string().max(4096);
const common = { kid: text.optional(), use: z.literal('sig').optional() };
const rsaAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;
/** RFC 7518 §3.4: the curve decides. */
const ofCurve = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' } as const;

/** Only these members are kept; a key with a private part, or a shared secret, is none. */
const keySchema = z.union([
  z.object({ kty: z.literal('RSA'), ...common, alg: z.enum(rsaAlgorithms).optional(), n: text, e: text }),
  z
    .object({
      kty: z.literal('EC'),
      ...common,
      alg: text.optional(),
      crv: z.enum(['P-256', 'P-384', 'P-521']),
      x: text,
      y: text,
    })
    .refine(({ alg, crv }) => alg === undefined || alg === ofCurve[crv])
    .transform((key) => ({ ...key, alg: ofCurve[key.crv] })),
  z.object({
    kty: z.literal('OKP'),
    ...common,
    alg: z.literal('EdDSA').default('EdDSA'),
    crv: z.literal('Ed25519'),
    x: text,
  }),
]);
const privateSchema = z.union([z.looseObject({ d: z.unknown() }), z.looseObject({ k: z.unknown() })]);
const setSchema = z.looseObject({ keys: z.array(z.unknown()).max(mostKeys) });

/**
 * A JWK Set as JSON; equal keys in any order give equal text, and each is there once. Throws `failed_precondition` if there is no usable
 * key in it. `algorithm`: `fixed` gives each RSA key that names none RS256, for verifiers that would take any; `open` leaves that to the
 * verifier.
 */
export function usableKeys(answer: string, algorithm: 'fixed' | 'open' = 'fixed'): string {
  const set = setSchema.safeParse(json(answer));
  if (!set.success) throw refused(`it is no JWK Set of at most ${mostKeys} keys`);
  const keys = set.data.keys.flatMap((key) => {
    if (privateSchema.safeParse(key).success) return [];
    const parsed = keySchema.safeParse(key);
    const read = parsed.success ? publicJwk(parsed.data) : undefined;
    if (!parsed.success || read === undefined) return [];
    const alg = parsed.data.alg ?? (algorithm === 'fixed' ? 'RS256' : undefined);
    return [JSON.stringify({ ...parsed.data, ...read, alg })];
  });
  if (keys.length === 0) throw refused('it has no public key for signatures that can be read');
  return `{"keys":[${[...new Set(keys)].toSorted().join(',')}]}`;
}

function json(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    throw refused('it is not JSON');
  }
}

function refused(why: string): CellwallError {
  return new CellwallError('failed_precondition', `the answer is not taken: ${why}`, {
    hint: 'jwksUri is the address of the JWK Set itself: what discovery calls jwks_uri',
  });
}
