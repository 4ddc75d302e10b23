// A table of Redis of which this control plane keeps a copy, so that it goes on while Redis is away, and Redis gets back what it loses.
import { CellwallError } from '../../lib/errors.ts';
import type { Table, TableEntry } from '../../lib/table.ts';

/** `until`: when it ends, epoch milliseconds; absent: never. */
export interface EndingEntry extends TableEntry {
  readonly until?: number;
}

export interface KeptTable extends Table {
  /** Throws `unavailable` while Redis is away. */
  withEnds(): Promise<readonly EndingEntry[]>;
  /** Whether something that was written here is not in Redis yet. */
  waits(): boolean;
  /**
   * Writes to Redis what waits; with `all` also what Redis lost, or has as it was before. Answers how many entries it had lost. Throws
   * `unavailable`.
   */
  mend(all: boolean): Promise<number>;
}

export type Reached<T> =
  | { readonly kind: 'answered'; readonly answer: T }
  | { readonly kind: 'away'; readonly why: CellwallError };

/** Asks Redis, unless it is known to be away: then nobody waits for it. */
export type Reach = <T>(ask: () => Promise<T>) => Promise<Reached<T>>;

/** `away`: why Redis is not asked; undefined if it is. What Redis answers, also a refusal to write, is `unavailable` where it is one. */
export function createReach(away: () => CellwallError | undefined): Reach {
  return async (ask) => {
    const known = away();
    if (known !== undefined) return { kind: 'away', why: known };
    try {
      return { kind: 'answered', answer: await ask() };
    } catch (reason) {
      const why = CellwallError.from(reason);
      if (why.code !== 'unavailable') throw reason;
      return { kind: 'away', why };
    }
  };
}
