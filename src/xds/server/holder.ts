// Whom a stream is attributed to before it has said whose it is: the certificate of its connection, or its address.
import { createHash } from 'node:crypto';
import type { StreamPeer } from './node.ts';

/** Never quotes the certificate, only its hash. */
export function holderOf({ certificate, address }: StreamPeer): string {
  return certificate === undefined ? address : createHash('sha256').update(certificate).digest('base64url');
}
