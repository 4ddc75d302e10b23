// How command line and control plane prove to each other that they know an admin token, without sending it: TLS with a key made of the
// token (RFC 4279, RFC 8442) and a fresh Diffie-Hellman. Who listens in the control plane's place learns nothing, nor does who passes
// bytes on.
import { createHash } from 'node:crypto';
import type { Redacted } from '../lib/redacted.ts';
import { nameInToken } from './named-token.ts';

/** Of the data folder's token. */
export const operatorIdentity = 'admin';

/** For both sides. Nothing else is spoken: a server without the key, whatever certificate it has, ends the handshake. */
export const proofTls = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  // Node.js takes keys of one's own up to TLS 1.2 only.
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const;

/** Not the token itself, which the same server also takes as a bearer; of a named token it is all that the server keeps. */
export function proofKey(token: Redacted<string>): Buffer {
  return createHash('sha256').update(`cellwall admin proof\0${token.reveal()}`).digest();
}

/** What the client says the key is of, in the clear. */
export function proofIdentity(token: Redacted<string>): string {
  const name = nameInToken(token.reveal());
  return name === undefined ? operatorIdentity : identityOfName(name);
}

export function identityOfName(name: string): string {
  return `token/${name}`;
}
