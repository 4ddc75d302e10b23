// How command line and control plane prove to each other that they know the admin token, without sending it: TLS with a key made of the
// token (RFC 4279, RFC 8442) and a fresh Diffie-Hellman. Who listens in the control plane's place learns nothing, nor does who passes
// bytes on.
import { createHash } from 'node:crypto';
import type { Redacted } from '../lib/redacted.ts';

/** Of whom the key is. */
export const provenIdentity = 'admin';

/** For both sides. Nothing else is spoken: a server without the key, whatever certificate it has, ends the handshake. */
export const proofTls = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  // Node.js takes keys of one's own up to TLS 1.2 only.
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const;

/** Not the token itself, which the same server also takes as a bearer. */
export function proofKey(token: Redacted<string>): Buffer {
  return createHash('sha256').update(`cellwall admin proof\0${token.reveal()}`).digest();
}
