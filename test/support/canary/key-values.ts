// The numbers that a private key comes down to, however it is written.
import { type createPrivateKey, KeyObject, type webcrypto } from 'node:crypto';

/** None of what is no private key. `create` is Node's own, not one that is being watched. */
export function keyValues(key: unknown, create: typeof createPrivateKey): readonly Uint8Array[] {
  try {
    const object = asKeyObject(key, create);
    if (object?.type !== 'private') return [];
    const { d, p, q } = object.export({ format: 'jwk' });
    return [d, p, q].filter((value) => value !== undefined).map((value) => Buffer.from(value, 'base64url'));
  } catch {
    // Of a kind that has no JWK (P-224), or no key at all.
    return [];
  }
}

function asKeyObject(key: unknown, create: typeof createPrivateKey): KeyObject | undefined {
  if (key instanceof KeyObject) return key;
  if (typeof key === 'string' && key.includes('PRIVATE KEY')) return create(key);
  if (key instanceof Uint8Array) return create({ key: Buffer.from(key), format: 'der', type: 'pkcs8' });
  return isCryptoKey(key) ? KeyObject.from(key) : undefined;
}

function isCryptoKey(key: unknown): key is webcrypto.CryptoKey {
  return typeof key === 'object' && key !== null && key.constructor.name === 'CryptoKey';
}
