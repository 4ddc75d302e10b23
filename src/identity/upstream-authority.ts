// The extension point "CA backend": whose roots the trust domain has, and who certifies the intermediate that signs leaves here. It never
// sees a leaf, nor a private key of one: a backend far away is asked once a year, not with every call.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { NamedOption, NamedValues } from '../lib/named-options.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';

/** What is to be certified: a CA that signs leaves only (`pathLenConstraint` 0), named by the trust domain (X509-SVID §2). */
export interface IntermediateRequest {
  /** PEM, PKCS#10. Its key and the proof that its sender holds it count, nothing else of it. */
  readonly csr: string;
  /** As wished: a backend may give less. */
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface UpstreamAuthority {
  /**
   * The roots of the trust domain, PEM; several while one follows another. A root is here before anything is minted under it, and
   * stays until nothing in use was.
   */
  roots(): Watchable<readonly string[]>;
  /**
   * PEM: the intermediate first, then what lies between it and a root, never the root itself. What is answered is verified by the
   * caller. Throws `unavailable` where a later try may do, `invalid_argument` for a request that it does not certify.
   */
  mintIntermediate(request: IntermediateRequest): Promise<string>;
  /** Ends timers and connections. What is under way may fail. */
  close(): Promise<void>;
}

/** What backends are made of; each takes what it needs. */
export interface AuthorityDeps {
  /** A folder of its own, of mode 0700; made where it is not there. */
  readonly dir: string;
  readonly trustDomain: TrustDomain;
  /** As given with `--ca-option`: those that it has, and all that it requires. */
  readonly options: NamedValues;
  readonly clock: Clock;
  readonly log: Log;
}

/** A backend, as the catalog has it. */
export interface AuthorityKind {
  /** By name, as `--ca-option NAME=VALUE` gives them. */
  readonly options: Readonly<Record<string, NamedOption>>;
  /** Answers once its roots are known. */
  create(deps: AuthorityDeps): Promise<UpstreamAuthority>;
}
