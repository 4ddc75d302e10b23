// What the certificates of an identity may say, and how long they may be valid.

/** What an identity's certificates may contain; a WorkloadIr is one. */
export interface IssuancePolicy {
  readonly lifetimeMs: number;
  readonly dnsNames: readonly string[];
  readonly commonName?: string;
  /** Its SVIDs expire by then, whatever their lifetime: the evidence expires. Epoch milliseconds. */
  readonly notAfter?: number;
}
