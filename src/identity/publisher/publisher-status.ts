// What is known of one publisher. Times are epoch milliseconds.

export interface PublisherStatus {
  /** `KIND:PLACE`, as it was configured. */
  readonly name: string;
  /** Of the bundle that is there, as far as is known. */
  readonly sequence?: number;
  /** When that was published; absent where it was there before this control plane started. */
  readonly publishedAt?: number;
  /** The bundle in force was read back there, and nothing has failed since. */
  readonly confirmed: boolean;
  /** When a bundle was last read back that was in force then. */
  readonly confirmedAt?: number;
  /** Why it is not confirmed. */
  readonly error?: { readonly message: string; readonly hint?: string; readonly at: number };
  /** Attempts that failed since the start. */
  readonly failures: number;
  /** How often somebody else had changed what was there since the start, and when that was last seen. */
  readonly drifts: number;
  readonly driftedAt?: number;
}
