// Reading the parts that a diagnosis is made of: what fails is left out, and said. One part that is away must not take the answer with it.
import { CellwallError } from '../../lib/errors.ts';

export interface Attempts {
  /** Resolves with what it reads; if that fails, with `instead`. */
  attempt<T>(what: string, instead: T, read: () => T | Promise<T>): Promise<T>;
  /** What failed so far, and why. */
  readonly failed: readonly string[];
}

export function createAttempts(): Attempts {
  const failed: string[] = [];
  return {
    failed,
    async attempt(what, instead, read) {
      try {
        return await read();
      } catch (reason) {
        failed.push(`${what}: ${CellwallError.from(reason).message}`);
        return instead;
      }
    },
  };
}
