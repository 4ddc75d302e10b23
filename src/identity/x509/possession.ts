// Proofs that a request's sender has a key: a signature over the purpose and the certificate request (DER). The request signs itself with
// the new key, so replaying a proof gives nobody a certificate that they can use.
import { type KeyObject, sign, verify } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';

/** What is proved: possession of the node key at attestation, of the current SVID's key at renewal. */
export type ProofPurpose = 'attest' | 'renew';

/** base64url. */
export function createProof(purpose: ProofPurpose, csr: Uint8Array, privateKey: KeyObject): string {
  return sign('sha256', message(purpose, csr), privateKey).toString('base64url');
}

/** Throws `unauthenticated` if `proof` was not made with the key. */
export function checkProof(purpose: ProofPurpose, csr: Uint8Array, publicKey: KeyObject, proof: string): void {
  if (!verify('sha256', message(purpose, csr), publicKey, Buffer.from(proof, 'base64url'))) {
    throw new CellwallError('unauthenticated', 'the proof of possession does not match the key');
  }
}

function message(purpose: ProofPurpose, csr: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`cellwall ${purpose} v1\n`), csr]);
}
