// What is wrong with a JWK Set for verifying tokens. RFC 7517. Only public keys with fixed algorithms: a key that does not name its
// algorithm would let a token choose it, and a symmetric key in a document is known to its readers.
import { publicJwk } from '../../lib/public-jwk.ts';

export interface JwksFault {
  readonly message: string;
  readonly hint: string;
}

/** Asymmetric signatures that Envoy verifies: RFC 7518 §3.1, RFC 8037. By key type. */
const algorithms: Readonly<Record<string, readonly string[]>> = {
  RSA: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  EC: ['ES256', 'ES384', 'ES512'],
  OKP: ['EdDSA'],
};
const needed: Readonly<Record<string, readonly string[]>> = {
  RSA: ['n', 'e'],
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
};

/** The first fault, or undefined for a usable set. Names a key by its index. */
export function jwksFault(text: string): JwksFault | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { message: 'the JWK Set is not JSON', hint: 'paste what the issuer serves at its jwks_uri' };
  }
  const keys = isObject(value) ? value['keys'] : undefined;
  if (!Array.isArray(keys) || keys.length === 0) {
    return { message: 'the JWK Set has no keys', hint: 'it is an object with a list "keys" (RFC 7517)' };
  }
  for (const [index, key] of keys.entries()) {
    const fault = keyFault(key);
    if (fault !== undefined) return { message: `key ${index} ${fault.message}`, hint: fault.hint };
  }
  return undefined;
}

function keyFault(key: unknown): JwksFault | undefined {
  if (!isObject(key)) return { message: 'is not an object', hint: 'every key is a JWK (RFC 7517)' };
  const type = String(key['kty']);
  const allowed = Object.hasOwn(algorithms, type) ? algorithms[type] : undefined;
  if (allowed === undefined) {
    return { message: `is of the type "${type}"`, hint: 'public keys only: RSA, EC or OKP, never a shared secret' };
  }
  if (!allowed.includes(String(key['alg']))) {
    const said = key['alg'] === undefined ? 'does not say its algorithm' : `says the algorithm "${String(key['alg'])}"`;
    return { message: said, hint: `add "alg": one of ${allowed.join(', ')}; tokens of another algorithm are refused` };
  }
  if (['d', 'p', 'q', 'k'].some((part) => part in key)) {
    return {
      message: 'contains a private key',
      hint: 'remove the private part: verification needs only the public key',
    };
  }
  const missing = needed[type]?.find((part) => typeof key[part] !== 'string');
  if (missing !== undefined) {
    return { message: `has no "${missing}"`, hint: `a ${type} key has ${needed[type]?.join(', ')}` };
  }
  const read = publicJwk(key);
  const differs = needed[type]?.find((part) => read?.[part] !== key[part]);
  if (differs === undefined) return undefined;
  return read === undefined
    ? { message: 'is no key that can be read', hint: 'RSA has at least 2048 bits; paste it unchanged' }
    : { message: `has a "${differs}" that is not base64url`, hint: `write ${JSON.stringify(read[differs])}` };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
