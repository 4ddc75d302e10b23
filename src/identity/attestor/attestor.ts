// The extension point "attestor": evidence in, identity and selectors out.
import type { SpiffeId } from '../../model/spiffe-id.ts';

/** A fact that the evidence proved, as Workload documents match it. */
export interface Selector {
  readonly attestor: string;
  readonly values: Readonly<Record<string, string>>;
}

export interface Attestation {
  readonly spiffeId: SpiffeId;
  readonly selectors: readonly Selector[];
}

export interface AttestationContext {
  /** SHA-256 of the node key's SubjectPublicKeyInfo, hex. Its possession is proved before an attestor is asked. */
  readonly nodeKey: string;
}

export interface Attestor {
  /**
   * A name for the secret that the evidence presents, if there is such a one: who presents it is told from others at his address.
   * Absent: its evidence holds no secret.
   */
  secretOf?(evidence: Readonly<Record<string, unknown>>): Promise<string | undefined>;
  /** Throws `unauthenticated` for evidence that proves nothing; evidence is hostile until then. */
  attest(evidence: Readonly<Record<string, unknown>>, context: AttestationContext): Promise<Attestation>;
}
