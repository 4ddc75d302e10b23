// A small persistent key-value table. Rooms that must remember (leases, redeemed tokens, issued certificates) take one;
// store/ implements it for each backend. Values are JSON. Several replicas of a control plane may use the same table: they learn of each
// other's changes by `watch`, lose none by `compareAndSet`, and do what only one may do under a fenced lease.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface TableOptions {
  /** The entry disappears after this many milliseconds. Default: never. */
  readonly ttlMs?: number;
  /**
   * Write only while this lease is held: checked where the entry is written, in the same step. Otherwise the write throws `aborted`, and
   * changes nothing: whoever was paused for longer than its lease writes nothing when it wakes.
   */
  readonly fence?: Fence;
}

export interface ClaimOptions extends TableOptions {
  /**
   * Told of the claim's way to the disk, for which it then does not wait itself: nothing may come of it before that resolves, or if it
   * rejects. A table that has no way of telling waits. Whoever gives it handles the rejection.
   */
  readonly onKept?: (kept: Promise<void>) => void;
}

/** A lease that somebody got. `token` is another one each time. */
export interface Fence {
  readonly lease: string;
  readonly token: string;
}

export interface TableEntry {
  readonly key: string;
  readonly value: Json;
}

/** `value`: undefined if there is no such entry any more. */
export interface TableChange {
  readonly key: string;
  readonly value: Json | undefined;
}

export interface Table {
  get(key: string): Promise<Json | undefined>;
  set(key: string, value: Json, options?: TableOptions): Promise<void>;
  delete(key: string, options?: Pick<TableOptions, 'fence'>): Promise<void>;
  list(): Promise<readonly TableEntry[]>;
  /**
   * The same, a few at a time: for tables that may have grown larger than memory. In no particular order; entries written meanwhile may be
   * missing.
   */
  entries(): AsyncIterable<TableEntry>;
  /**
   * First writer wins, atomically, across processes and replicas: stores `value` if the key is absent, and returns what is stored then.
   * Equal to `value` for the winner (and for a repeat of the same request).
   */
  claim(key: string, value: Json, options?: ClaimOptions): Promise<{ readonly won: boolean; readonly value: Json }>;
  /**
   * Stores `next` (undefined: deletes) if the entry is still `before` (undefined: absent), atomically, across processes and replicas. False
   * if it is not. Throws `unavailable` if that cannot be known.
   */
  compareAndSet(
    key: string,
    before: Json | undefined,
    next: Json | undefined,
    options?: TableOptions,
  ): Promise<boolean>;
  /**
   * Tells of every entry that anybody changes from now on, own changes included, at least once and with its newest value: what changes
   * again meanwhile is told once. Nothing is missed, whatever is lost on the way: then everything is told again. An entry that ends by its
   * time is not told. The returned function ends it.
   */
  watch(listener: (change: TableChange) => void): () => void;
  /** A lease of that name, for this many milliseconds unless it is renewed; undefined if somebody holds it. */
  acquire(lease: string, ttlMs: number): Promise<Fence | undefined>;
  /** False if it is lost: it ended, whether or not somebody else has it now. */
  renew(fence: Fence, ttlMs: number): Promise<boolean>;
  /** Others may have it at once. */
  release(fence: Fence): Promise<void>;
}

/** What a write under a lost lease throws. */
export const fencedMessage = 'the lease under which this was to be written is lost';

/** Equal as JSON, whatever the order of the members. */
export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    const other: readonly Json[] = b;
    return a.every((one: Json, index) => sameJson(one, other[index]));
  }
  const [left, right] = [new Map<string, Json>(Object.entries(a)), new Map<string, Json>(Object.entries(b))];
  return left.size === right.size && [...left].every(([key, one]) => right.has(key) && sameJson(one, right.get(key)));
}
