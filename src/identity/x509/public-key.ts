// Public keys as in certificates (SubjectPublicKeyInfo, RFC 5280 §4.1.2.7). Encoding one takes OpenSSL as long as signing: the result is
// kept for as long as the key.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';

/** The encoding of a P-256 key except for its point, which is uncompressed (RFC 5480 §2): no other form is written here. */
export const p256Prefix = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');
const p256Length = 91;

const written = new WeakMap<KeyObject, Buffer>();

/** `spki`: SubjectPublicKeyInfo, DER, with an uncompressed point. */
export function isP256(spki: Uint8Array): boolean {
  return spki.length === p256Length && p256Prefix.equals(spki.subarray(0, p256Prefix.length));
}

/** DER. */
export function spkiOf(publicKey: KeyObject): Buffer {
  const known = written.get(publicKey);
  if (known !== undefined) return known;
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  written.set(publicKey, spki);
  return spki;
}

/** The key in `spki` (DER, hostile); its point is on its curve. Throws `invalid_argument`. */
export function readPublicKey(spki: Buffer): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new CellwallError('invalid_argument', 'no readable public key', { cause });
  }
  // Others have several forms: OpenSSL's is used.
  if (isP256(spki)) written.set(key, Buffer.from(spki));
  return key;
}
