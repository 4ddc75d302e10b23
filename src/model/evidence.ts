// What an attestor proved of a host, and what a Workload asks for: the two sides of a selector.
import type { AttestorName } from './attestors.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** Never an identity: which one it earns is for the documents to say. */
export interface Evidence {
  readonly attestor: AttestorName;
  readonly values: Readonly<Record<string, string>>;
  /** SVIDs that it earns end by then. Epoch milliseconds. */
  readonly notAfter?: number;
}

export interface Selector {
  readonly attestor: AttestorName;
  /** All of them. */
  readonly match: Readonly<Record<string, string>>;
}

/** The key of a join token's one value: the identity that an operator made it for. */
export const tokenKey = 'spiffe_id';

/** What a join token proves. It is also all that is known of hosts that joined before evidence was remembered. */
export function tokenEvidence(spiffeId: SpiffeId): Evidence {
  return { attestor: 'join-token', values: { [tokenKey]: spiffeId } };
}

/** Whether `selector` takes this evidence. */
export function matches({ attestor, match }: Selector, evidence: Evidence): boolean {
  return (
    attestor === evidence.attestor &&
    Object.entries(match).every(([key, value]) => valueFor(evidence.values, key) === value)
  );
}

/** The value of a key; what every object inherits is none. */
export function valueFor(values: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(values, key) ? values[key] : undefined;
}
