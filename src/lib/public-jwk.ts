// A public key as a JWK (RFC 7517), read whole: Envoy takes a set of which it can read at least one key, and otherwise refuses everything
// that the set is in.
import { createPublicKey, type JsonWebKey } from 'node:crypto';

/** RFC 7518 §3.3 asks for 2048; what is longer than 16,384 BoringSSL does not use. */
const [leastBits, mostBits] = [2048, 16_384];

/**
 * Its type and numbers alone, written as RFC 7515 §2 wants them, whatever form of base64 they came in; undefined if there is no key in it
 * with which a signature could be verified.
 */
export function publicJwk({ kty, n, e, crv, x, y }: Readonly<Record<string, unknown>>): JsonWebKey | undefined {
  try {
    const key = createPublicKey({ key: withText({ kty, n, e, crv, x, y }), format: 'jwk' });
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
    if (key.asymmetricKeyType !== 'rsa') return key.export({ format: 'jwk' });
    const usable = publicExponent >= 3n && publicExponent % 2n === 1n && publicExponent < 2n ** 33n;
    return usable && modulusLength >= leastBits && modulusLength <= mostBits
      ? key.export({ format: 'jwk' })
      : undefined;
  } catch {
    return undefined;
  }
}

function withText(fields: Readonly<Record<string, unknown>>): JsonWebKey {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => typeof value === 'string'));
}
