// The extension point "CA backend": what signs. Small on purpose: `sign` and `bundle`.
import type { KeyObject } from 'node:crypto';
import type { SpiffeId } from '../model/spiffe-id.ts';

/** What is to be certified. The names are the attested ones, never a CSR's. */
export interface SigningRequest {
  readonly spiffeId: SpiffeId;
  /** The subject's public key (P-256, P-384, RSA 2048 or more, Ed25519 refused). */
  readonly publicKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly dnsNames: readonly string[];
  readonly commonName?: string;
  /** Of the host that it belongs to: written into it (node-key-extension.ts). */
  readonly nodeKey?: string;
}

export interface SignedCertificate {
  /** PEM, leaf first, then intermediates; never the root. */
  readonly chain: string;
  /** Hex. */
  readonly serial: string;
  readonly notBefore: Date;
  /** Clamped to end before the issuer's. */
  readonly notAfter: Date;
}

export interface Authority {
  sign(request: SigningRequest): Promise<SignedCertificate>;
  /** PEM of the roots of the trust domain. */
  bundle(): Promise<string>;
  /** Constrains a foreign CA certificate (PEM) so that it cannot vouch for URI SANs of our trust domain; stable for equal input. */
  constrain(foreignCa: string): Promise<string>;
}
