// What the certificates of an identity may say, and how long they may be valid.

/** What an identity's certificates may say; a WorkloadIr is one. */
export interface IssuancePolicy {
  readonly lifetimeMs: number;
  readonly dnsNames: readonly string[];
  readonly commonName?: string;
  /** Its SVIDs end by then, whatever their lifetime: what earned it ends. Epoch milliseconds. */
  readonly notAfter?: number;
}
