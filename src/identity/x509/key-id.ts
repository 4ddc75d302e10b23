// subjectKeyIdentifier: SHA-1 of the bits of the public key (RFC 5280 §4.2.1.2, method 1). A name, not a protection.
import { hash } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { derTag, readDer, readDerOne } from './der.ts';
import { isP256, p256Prefix } from './public-key.ts';

/** `spki`: SubjectPublicKeyInfo, DER. */
export function keyIdOf(spki: Uint8Array): Buffer {
  // Its last octet before the coordinates says that both follow: it is part of the bits.
  if (isP256(spki)) return hash('sha1', spki.subarray(p256Prefix.length - 1), 'buffer');
  const [, bits] = readDer(readDerOne(Buffer.from(spki), derTag.sequence).content);
  if (bits?.tag !== derTag.bitString) throw new CellwallError('invalid_argument', 'a public key without its bits');
  // The first octet counts unused bits: none.
  return hash('sha1', bits.content.subarray(1), 'buffer');
}
