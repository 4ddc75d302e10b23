// P-256 keys that are created here for others (pushed SVIDs). By ECDH's generator, OpenSSL's own, because it returns the parts directly: as
// a KeyObject such a key costs three times as much, mostly for encoding it.
import { createECDH } from 'node:crypto';
import { Redacted } from '../../lib/redacted.ts';
import { toPem } from './pem.ts';
import { p256Prefix } from './public-key.ts';

export interface KeyPair {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
  /** PKCS#8, PEM. */
  readonly privateKey: Redacted<string>;
}

const scalarBytes = 32;
/** PKCS#8 (RFC 5958) around an ECPrivateKey (RFC 5915) without parameters: what comes before the private key, and before the public. */
const beforePrivate = Buffer.from('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420', 'hex');
const beforePublic = Buffer.from('a144034200', 'hex');

export function makeKeyPair(): KeyPair {
  const curve = createECDH('prime256v1');
  const point = curve.generateKeys();
  return keyPairOf(curve.getPrivateKey(), point);
}

/** `scalar`: big-endian, without leading zeros. `point`: uncompressed. */
export function keyPairOf(scalar: Uint8Array, point: Uint8Array): KeyPair {
  const pkcs8 = Buffer.alloc(beforePrivate.length + scalarBytes + beforePublic.length + point.length);
  pkcs8.set(beforePrivate);
  pkcs8.set(scalar, beforePrivate.length + scalarBytes - scalar.length);
  pkcs8.set(beforePublic, beforePrivate.length + scalarBytes);
  pkcs8.set(point, beforePrivate.length + scalarBytes + beforePublic.length);
  const pem = toPem(pkcs8, 'PRIVATE KEY');
  pkcs8.fill(0);
  return { spki: Buffer.concat([p256Prefix, point.subarray(1)]), privateKey: new Redacted(pem) };
}
