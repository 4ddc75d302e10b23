// What is known about one publisher. Times are epoch milliseconds.

export interface PublisherStatus {
  /** `KIND:PLACE`, as it was configured. */
  readonly name: string;
  /** Sequence of the bundle that is there, as far as known. */
  readonly sequence?: number;
  /** When that was published; absent if it was there before this control plane started. */
  readonly publishedAt?: number;
  /** The bundle in force was read back there, and nothing has failed since. */
  readonly confirmed: boolean;
  /** When a bundle that was in force at the time was last read back. */
  readonly confirmedAt?: number;
  /** Why it is not confirmed. */
  readonly error?: { readonly message: string; readonly hint?: string; readonly at: number };
  /** Attempts that failed since the start. */
  readonly failures: number;
  /** How often somebody else had changed what was there since the start, and when that was last seen. */
  readonly drifts: number;
  readonly driftedAt?: number;
}
