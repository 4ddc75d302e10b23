// How command line and control plane prove to each other that they know an admin token, without sending it: TLS with a key derived from the
// token (RFC 4279, RFC 8442) and a fresh Diffie-Hellman exchange. Whoever listens in place of the control plane, or relays bytes, learns
// nothing.
import { createHash } from 'node:crypto';
import type { Redacted } from '../lib/redacted.ts';
import { nameInToken } from './named-token.ts';

/** The key of the data folder's token. */
export const operatorIdentity = 'admin';

/** For both sides. Nothing else is accepted: with a server that lacks the key, whatever its certificate, the handshake is aborted. */
export const proofTls = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  // Node.js accepts pre-shared keys only up to TLS 1.2.
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const;

/** Not the token itself, which the same server also accepts as a bearer token; for a named token, this is all that the server keeps. */
export function proofKey(token: Redacted<string>): Buffer {
  return createHash('sha256').update(`cellwall admin proof\0${token.reveal()}`).digest();
}

/** Which key the client claims to have, in the clear. */
export function proofIdentity(token: Redacted<string>): string {
  const name = nameInToken(token.reveal());
  return name === undefined ? operatorIdentity : identityOfName(name);
}

/** The PSK identity of a named token. */
export function identityOfName(name: string): string {
  return `token/${name}`;
}
