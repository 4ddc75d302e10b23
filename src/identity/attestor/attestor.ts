// The extension point "attestor": verifies evidence and returns what it proves. Documents decide which identity that earns
// (policy/identities.ts).
import type { X509Certificate } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Table } from '../../lib/table.ts';
import type { Watchable } from '../../lib/watchable.ts';
import type { Evidence } from '../../model/evidence.ts';
import type { SpiffeId, TrustDomain } from '../../model/spiffe-id.ts';
import type { TrustBundle } from '../trust-bundle.ts';
import type { AttestorOptions } from './attestor-options.ts';
import type { NodeRegistry } from './node-registry.ts';

/** Of a verified SVID. */
export interface Standing {
  readonly spiffeId: SpiffeId;
  /** The host that it is bound to. */
  readonly nodeKey: string;
  /** The leaf, and what is between it and the root. Absent: it was looked at when it was presented. */
  readonly chain?: readonly X509Certificate[];
}

/** What attestors are created from; each takes what it needs. */
export interface AttestorDeps {
  /** Join tokens, and who redeemed single-use evidence. */
  readonly tokens: Table;
  readonly nodes: Pick<NodeRegistry, 'find'>;
  readonly clock: Clock;
  /** The current roots of the trust domain. */
  readonly bundle: Pick<Watchable<TrustBundle>, 'value'>;
  /** The last keys of issuers of tokens; sealed. Absent: they are not kept over a restart. */
  readonly issuerKeys?: Table;
  /** Absent: nobody with an SVID of the trust domain can vouch for others. */
  readonly vouching?: {
    readonly trustDomain: TrustDomain;
    /** Throws for an SVID that is valid, and counts for nothing any more. */
    readonly check: (svid: Standing) => void;
  };
  /** Whom this control plane believes. */
  readonly options: AttestorOptions;
  readonly log: Log;
}

/** What was verified before the evidence is looked at. */
export interface AttestationContext {
  /** SHA-256 of the node key's SubjectPublicKeyInfo, hex. Possession is proved before an attestor is called. */
  readonly nodeKey: string;
  /**
   * Told of what is still on its way to the disk: until it has resolved, nothing that the evidence earned may leave this control plane, and
   * nothing at all if it rejects. Its rejection is handled by whoever gave this. Absent: the attestor waits itself.
   */
  readonly onKept?: (kept: Promise<void>) => void;
}

export interface Attestor {
  /**
   * Its evidence is a token of a short job, for an SVID that ends with it: each use of one is in the audit log, and whoever is refused is
   * not told why. Absent: what attests is a host.
   */
  readonly exchanges?: true;
  /**
   * An identifier for the secret that the evidence presents, if there is one: it distinguishes whoever presents it from others at the same
   * address. Absent: its evidence contains no secret.
   */
  secretOf?(evidence: Readonly<Record<string, unknown>>): Promise<string | undefined>;
  /**
   * Throws `unauthenticated` for evidence that proves nothing; evidence is hostile until then. The result contains only values for its own
   * keys (model/attestors.ts), and is the same for the same evidence and node key.
   */
  attest(evidence: Readonly<Record<string, unknown>>, context: AttestationContext): Promise<Evidence>;
}
