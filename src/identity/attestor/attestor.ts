// The extension point "attestor": evidence in, what it proves out. Which identity that earns is for the documents to say
// (policy/identities.ts).
import type { Clock } from '../../lib/clock.ts';
import type { Table } from '../../lib/table.ts';
import type { Watchable } from '../../lib/watchable.ts';
import type { Evidence } from '../../model/evidence.ts';
import type { TrustBundle } from '../trust-bundle.ts';
import type { NodeRegistry } from './node-registry.ts';

/** What attestors are made of; each takes what it needs. */
export interface AttestorDeps {
  /** Join tokens, and who redeemed what may be used once. */
  readonly tokens: Table;
  readonly nodes: Pick<NodeRegistry, 'find'>;
  readonly clock: Clock;
  /** The roots of the trust domain, as they are now. */
  readonly bundle: Pick<Watchable<TrustBundle>, 'value'>;
}

export interface AttestationContext {
  /** SHA-256 of the node key's SubjectPublicKeyInfo, hex. Its possession is proved before an attestor is asked. */
  readonly nodeKey: string;
}

export interface Attestor {
  /**
   * A name for the secret that the evidence presents, if there is such a one: who presents it is told from others at his address.
   * Absent: its evidence holds no secret.
   */
  secretOf?(evidence: Readonly<Record<string, unknown>>): Promise<string | undefined>;
  /**
   * Throws `unauthenticated` for evidence that proves nothing; evidence is hostile until then. The answer has values of its own keys
   * (model/attestors.ts) only, and is the same for the same evidence and node key.
   */
  attest(evidence: Readonly<Record<string, unknown>>, context: AttestationContext): Promise<Evidence>;
}
