// Events that are recorded as evidence: a closed union, so that a reader of the log knows every possible kind.

export type AuditEvent =
  | {
      readonly kind: 'documents-applied';
      readonly author: string;
      readonly revision: number;
      readonly changed: readonly string[];
      readonly urgent: boolean;
      readonly reason?: string;
      /** Found at the start: it was changed while the control plane was down. */
      readonly whileAway?: true;
    }
  /** A service was made strict despite the gate's reasons. Written before the change. */
  | {
      readonly kind: 'cut-over-forced';
      readonly author: string;
      readonly services: readonly string[];
      /** The gate's reasons. */
      readonly reasons: readonly string[];
      /** The author's reason. */
      readonly reason?: string;
    }
  /** A service was made strict although some callers were not ready; they had been waited for long enough. Written before the change. */
  | {
      readonly kind: 'cut-over-warned';
      readonly author: string;
      readonly services: readonly string[];
      /** The gate's reasons. */
      readonly reasons: readonly string[];
      /** The author's reason. */
      readonly reason?: string;
    }
  /** A change beyond the limits, or one that was held for another reason, was confirmed. Written before the change. */
  | {
      readonly kind: 'change-confirmed';
      readonly author: string;
      readonly codes: readonly string[];
      readonly reasons: readonly string[];
      /** The author's reason. */
      readonly reason?: string;
    }
  | {
      readonly kind: 'rolled-back';
      readonly author: string;
      readonly to: number;
      readonly revision: number;
      readonly reason?: string;
    }
  /** A change was not made: it waits for somebody's approval. */
  | {
      readonly kind: 'change-waits';
      readonly author: string;
      /** Bound to its bytes, and to the reasons. */
      readonly rev: string;
      readonly keys: readonly string[];
      /** Why it waits. */
      readonly reasons: readonly string[];
    }
  /** `author` approved what `by` had written. The change itself has a record of its own. */
  | {
      readonly kind: 'change-approved';
      readonly author: string;
      readonly by: string;
      readonly revs: readonly string[];
      readonly revision: number;
      readonly keys: readonly string[];
      readonly reason?: string;
    }
  /** `author` rejected what `by` had written: it is gone. */
  | {
      readonly kind: 'change-rejected';
      readonly author: string;
      readonly by: string;
      readonly revs: readonly string[];
      readonly keys: readonly string[];
      readonly reason?: string;
    }
  /** The token of a CI job was exchanged for an SVID. Written before it gets it. `proved`: who it is; long values are cut off. */
  | {
      readonly kind: 'job-exchanged';
      readonly attestor: string;
      readonly spiffeId: string;
      readonly serial: string;
      /** ISO 8601. */
      readonly notAfter: string;
      readonly nodeKey: string;
      readonly address: string;
      readonly proved: Readonly<Record<string, string>>;
    }
  /** The runner that vouched for a job says that it has ended: its identity is withdrawn. */
  | {
      readonly kind: 'job-ended';
      readonly attestor: string;
      readonly spiffeId: string;
      readonly nodeKey: string;
      readonly address: string;
      readonly proved: Readonly<Record<string, string>>;
    }
  /** Such a token got nothing. `reason`, `why`: what is not told to whoever sent it. `proved`: absent if the token proves nothing. */
  | {
      readonly kind: 'job-refused';
      readonly attestor: string;
      readonly code: string;
      readonly reason: string;
      readonly why: readonly string[];
      readonly nodeKey?: string;
      readonly address: string;
      readonly proved?: Readonly<Record<string, string>>;
    }
  /** More such refusals than are recorded one by one, since the last of these. `reasons`: how many for each, the most frequent first. */
  | { readonly kind: 'jobs-refused'; readonly count: number; readonly reasons: readonly string[] }
  /** At most once a minute for each identity and service. */
  | {
      readonly kind: 'break-glass-used';
      readonly principal: string;
      readonly service: string;
      readonly node: string;
    }
  /**
   * A proxy set a token of its application for a caller, as a document grants it. The first time, and then at most once an hour for each
   * caller, service and token (`secret`: its name there); `calls`: since the last of these records, in the life of the control plane.
   */
  | {
      readonly kind: 'credential-used';
      readonly principal: string;
      readonly service: string;
      readonly secret: string;
      readonly node: string;
      readonly calls: number;
    }
  /** An intermediate for the control plane of a cell, good for every identity. `author`: its own. Written before it gets it. */
  | {
      readonly kind: 'intermediate-certified';
      readonly author: string;
      readonly cell: string;
      readonly address: string;
      /** ISO 8601. */
      readonly notAfter: string;
    }
  /** A join token. */
  | {
      readonly kind: 'token-created' | 'token-revoked';
      readonly author: string;
      readonly spiffeId: string;
      /** The token's name, which reveals nothing of it. Earlier versions did not write it. */
      readonly id?: string;
      /** How many hosts may redeem it. */
      readonly uses?: number;
      readonly reason?: string;
    }
  /** A phase of the rotation of the root began, or it ended. `cut`: who was left behind so far. */
  | {
      readonly kind: 'root-rotation';
      readonly author: string;
      readonly phase: string;
      readonly cut: readonly string[];
      readonly reason?: string;
    }
  /** `selector`: absent if all were renewed. */
  | {
      readonly kind: 'certificates-rotated';
      readonly author: string;
      readonly selector?: string;
      readonly rotated: number;
      readonly reason?: string;
    }
  | {
      readonly kind: 'admin-token-created';
      readonly author: string;
      readonly name: string;
      readonly role: string;
      readonly rawResources: boolean;
      readonly expiresAt: number;
      readonly reason?: string;
    }
  | { readonly kind: 'admin-token-revoked'; readonly author: string; readonly name: string; readonly reason?: string }
  /**
   * An unknown token, or one that is no longer valid. `named`: whose it claimed to be. At most twice a minute for each address and name.
   */
  | { readonly kind: 'admin-refused'; readonly address: string; readonly named?: string; readonly failures: number }
  /** A token whose role is not sufficient; limited likewise. */
  | {
      readonly kind: 'admin-denied';
      readonly author: string;
      readonly address: string;
      readonly route: string;
      readonly needs: string;
      readonly failures: number;
    }
  /**
   * Its node key, and every SVID bound to it, are refused from then on. `author`: `documents` if no document names its identity any more.
   */
  | { readonly kind: 'host-evicted'; readonly author: string; readonly nodeKey: string; readonly reason?: string }
  /** By one of the two: an identity, or a host (with the identity that it had). */
  | {
      readonly kind: 'banned' | 'unbanned';
      readonly author: string;
      readonly spiffeId?: string;
      readonly nodeKey?: string;
      readonly reason?: string;
    }
  /**
   * The content of a shared store is not put in force: what counts as accepted was not written by one of our control planes, or is older
   * than what was seen (once a minute for each code); or a document that somebody wrote there directly is not valid (`reason` has its
   * line; at most 50 a minute).
   */
  | { readonly kind: 'store-refused'; readonly code: string; readonly reason: string; readonly keys: readonly string[] }
  /** Documents that somebody had written into a shared store directly, and that were not in force, were written over by an apply. */
  | { readonly kind: 'direct-edit-superseded'; readonly author: string; readonly keys: readonly string[] }
  /** What an earlier version had sealed carries the present seal from now on: nothing of it changed. */
  | { readonly kind: 'store-sealed'; readonly revision: number }
  /** A shared store had lost documents, or entries of tables; they were written again as they were. */
  | {
      readonly kind: 'store-restored';
      readonly documents: boolean;
      readonly entries: number;
      readonly tables: readonly string[];
    }
  /**
   * At a start: not the documents that were last in force are in force, because the process died under them again and again, or because
   * they are damaged on disk. `revision`: of the last good state; absent if none is kept.
   */
  | { readonly kind: 'last-good-started'; readonly why: string; readonly revision?: number }
  /** At a start: the log did not end with the record that it had ended with. */
  | { readonly kind: 'log-cut'; readonly found: number; readonly expected: number }
  /** At a start: the log's last record was not known, as with a new state database. Records before this one may be missing. */
  | { readonly kind: 'checkpoint-missing'; readonly found: number };
