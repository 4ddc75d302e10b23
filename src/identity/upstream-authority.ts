// The extension point "CA backend": provides the roots of the trust domain, and certifies the intermediate that signs leaves here. It never
// sees a leaf, nor the private key of one: a remote backend is called once a year, not for every call.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { NamedOption, NamedValues } from '../lib/named-options.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import type { CaStorage } from './ca/ca-storage.ts';
import type { RootsRecord } from './roots/roots-record.ts';

/** What to certify: a CA that signs only leaves (`pathLenConstraint` 0), named after the trust domain (X509-SVID §2). */
export interface IntermediateRequest {
  /** PEM, PKCS#10. Only its key, and the proof that its sender has it, are used. */
  readonly csr: string;
  /** As requested: a backend may give less. */
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface UpstreamAuthority {
  /**
   * The roots of the trust domain, PEM; several while one replaces another. A root is here before anything is minted under it, and stays
   * until nothing in use was.
   */
  roots(): Watchable<readonly string[]>;
  /** Those of its roots under which nothing is certified any more: what they vouch for is renewed soon. PEM. Absent: there are none. */
  retiring?(): Watchable<readonly string[]>;
  /**
   * PEM: the intermediate first, then what is between it and a root, never the root itself. The caller verifies the answer. Throws
   * `unavailable` if a later attempt may succeed, `invalid_argument` for a request that it does not certify.
   */
  mintIntermediate(request: IntermediateRequest): Promise<string>;
  /**
   * The least sequence of a bundle with these roots, the same wherever they are in force; it is higher after every change. Absent, or
   * undefined: each control plane counts by itself.
   */
  sequence?(): number | undefined;
  /** Absent: its roots are replaced elsewhere, if at all. */
  readonly replaceable?: ReplaceableRoots;
  /** Ends timers and connections. What is in progress may fail. */
  close(): Promise<void>;
}

/** Of a backend whose root is replaced here, by `cellwall ca rotate`. */
export interface ReplaceableRoots {
  /** In force. */
  record(): RootsRecord;
  /** Whether this control plane takes the next step: of several, one does. */
  renews(): boolean;
  /** The certificate (PEM) of the root in that folder, which is made if there is none; not yet among `roots()`. */
  successor(folder: string): Promise<string>;
  /**
   * Replaces the record, for all who share it, and after a restart. `by`: a command may come from anywhere; a step is taken by the one that
   * `renews`, as checked where it is written. Throws `aborted` if it was changed meanwhile, or for the step of another one, and
   * `failed_precondition` if the root that is to sign has no key here.
   */
  adopt(record: RootsRecord, by: 'command' | 'step'): Promise<void>;
}

/** What backends are created from; each takes what it needs. */
export interface AuthorityDeps {
  /** Where it keeps its keys, if it has any. The signer's intermediates are there, too, under `issuers`. */
  readonly storage: CaStorage;
  readonly trustDomain: TrustDomain;
  /** As given with `--ca-option`: only options that it has, including all required ones. */
  readonly options: NamedValues;
  readonly clock: Clock;
  readonly log: Log;
}

/** A backend, as listed in the catalog. */
export interface AuthorityKind {
  /** By name, as `--ca-option NAME=VALUE` gives them. */
  readonly options: Readonly<Record<string, NamedOption>>;
  /** Resolves once its roots are known. */
  create(deps: AuthorityDeps): Promise<UpstreamAuthority>;
}
