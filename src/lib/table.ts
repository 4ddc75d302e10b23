// A small persistent key-value table. Rooms that must remember (leases, redeemed tokens, issued certificates) take one;
// store/ implements it for each backend. Values are JSON.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface TableOptions {
  /** The entry disappears after this many milliseconds. Default: never. */
  readonly ttlMs?: number;
}

export interface Table {
  get(key: string): Promise<Json | undefined>;
  set(key: string, value: Json, options?: TableOptions): Promise<void>;
  delete(key: string): Promise<void>;
  list(): Promise<readonly { readonly key: string; readonly value: Json }[]>;
  /**
   * The same, a few at a time: for tables that may have grown larger than memory. In no particular order; entries written meanwhile may be
   * missing.
   */
  entries(): AsyncIterable<{ readonly key: string; readonly value: Json }>;
  /**
   * First writer wins, atomically, across processes and replicas: stores `value` if the key is absent, and returns what is stored then.
   * Equal to `value` for the winner (and for a repeat of the same request).
   */
  claim(key: string, value: Json, options?: TableOptions): Promise<{ readonly won: boolean; readonly value: Json }>;
}
