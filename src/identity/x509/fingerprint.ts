// Names a public key or a certificate by its SHA-256.
import { createHash, type KeyObject } from 'node:crypto';

/** Of the SubjectPublicKeyInfo, hex. */
export function keyFingerprint(publicKey: KeyObject): string {
  return sha256(publicKey.export({ format: 'der', type: 'spki' })).toString('hex');
}

/** Of the DER, base64url: as a join token carries it. */
export function certificateFingerprint(der: Uint8Array): string {
  return sha256(der).toString('base64url');
}

export function sha256(data: Uint8Array | string): Buffer {
  return createHash('sha256').update(data).digest();
}
