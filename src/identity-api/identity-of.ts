// Who is at the other end of a connection to the identity API, by the certificate that it presented.
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { nodeKeyOf } from '../identity/x509/node-key-extension.ts';
import { toPem } from '../identity/x509/pem.ts';
import { verifySvid } from '../identity/x509/verify-svid.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { SpiffeId, TrustDomain } from '../model/spiffe-id.ts';

const maxChain = 4;

/** Who it is, and the host that its SVID is bound to. */
export interface Peer {
  readonly spiffeId: SpiffeId;
  readonly nodeKey?: string;
  readonly address: string;
  /** DER of the leaf. */
  readonly certificate: Uint8Array;
  /** The leaf, and what is between it and the root. */
  readonly chain: readonly X509Certificate[];
}

/** Throws `unauthenticated` without a valid SVID. */
export function identityOf(
  socket: Socket,
  trust: { readonly bundle: string; readonly trustDomain: TrustDomain; readonly now: number },
): Peer {
  const chain = socket instanceof TLSSocket ? presentedChain(socket) : '';
  if (chain === '') throw noCertificate();
  const { spiffeId, leaf, issuers } = verifySvid({ chain, ...trust });
  const nodeKey = nodeKeyOf(leaf.raw);
  return {
    spiffeId,
    certificate: leaf.raw,
    chain: [leaf, ...issuers],
    address: socket.remoteAddress ?? '',
    ...defined({ nodeKey }),
  };
}

/** `unauthenticated`. */
export function noCertificate(): CellwallError {
  return new CellwallError('unauthenticated', 'no client certificate', { hint: 'speak over mTLS, with the SVID' });
}

/** PEM, leaf first, as far as it was presented. TLS proved that the peer has the leaf's key; nothing else is proved yet. */
function presentedChain(socket: TLSSocket): string {
  const pems: string[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate !== undefined && pems.length < maxChain) {
    pems.push(toPem(certificate.raw, 'CERTIFICATE'));
    certificate = certificate.issuerCertificate;
  }
  return pems.join('');
}
