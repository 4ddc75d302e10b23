// What an attestor proved about a host, and what a Workload requires: the two sides of a selector.
import type { AttestorName } from './attestors.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** Never an identity: documents decide which one it earns. */
export interface Evidence {
  readonly attestor: AttestorName;
  readonly values: Readonly<Record<string, string>>;
  /** SVIDs that it earns expire by then. Epoch milliseconds. */
  readonly notAfter?: number;
}

export interface Selector {
  readonly attestor: AttestorName;
  /** All of them must match. */
  readonly match: Readonly<Record<string, string>>;
}

/** The key of a join token's only value: the identity that an operator created it for. */
export const tokenKey = 'spiffe_id';

/** What a join token proves. It is also all that is known about hosts that joined before evidence was stored. */
export function tokenEvidence(spiffeId: SpiffeId): Evidence {
  return { attestor: 'join-token', values: { [tokenKey]: spiffeId } };
}

/** Whether `selector` matches this evidence. */
export function matches({ attestor, match }: Selector, evidence: Evidence): boolean {
  return (
    attestor === evidence.attestor &&
    Object.entries(match).every(([key, value]) => valueFor(evidence.values, key) === value)
  );
}

/** The value of a key; inherited properties do not count. */
export function valueFor(values: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(values, key) ? values[key] : undefined;
}
