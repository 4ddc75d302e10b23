// Names a public key or a certificate by its SHA-256.
import { hash, type KeyObject } from 'node:crypto';
import { spkiOf } from './public-key.ts';

/** Of the SubjectPublicKeyInfo, hex. */
export function keyFingerprint(publicKey: KeyObject): string {
  return sha256(spkiOf(publicKey)).toString('hex');
}

/** Of the DER, base64url: as a join token carries it. */
export function certificateFingerprint(der: Uint8Array): string {
  return sha256(der).toString('base64url');
}

export function sha256(data: Uint8Array | string): Buffer {
  return hash('sha256', data, 'buffer');
}
