// What is worth evidence: a closed union, so that a reader of the log knows every kind there can be.

export type AuditEvent =
  | {
      readonly kind: 'documents-applied';
      readonly author: string;
      readonly revision: number;
      readonly changed: readonly string[];
      readonly urgent: boolean;
      readonly reason?: string;
      /** Found at the start: it was changed while the control plane was away. */
      readonly whileAway?: true;
    }
  /** A service was made strict against the reasons that the gate gave. Written before the change. */
  | {
      readonly kind: 'cut-over-forced';
      readonly author: string;
      readonly services: readonly string[];
      /** Of the gate. */
      readonly reasons: readonly string[];
      /** Of the author. */
      readonly reason?: string;
    }
  /** A service was made strict although callers were not ready, which had been waited for long enough. Written before the change. */
  | {
      readonly kind: 'cut-over-warned';
      readonly author: string;
      readonly services: readonly string[];
      /** Of the gate. */
      readonly reasons: readonly string[];
      /** Of the author. */
      readonly reason?: string;
    }
  | {
      readonly kind: 'rolled-back';
      readonly author: string;
      readonly to: number;
      readonly revision: number;
      readonly reason?: string;
    }
  /** At most once a minute for each identity and service. */
  | {
      readonly kind: 'break-glass-used';
      readonly principal: string;
      readonly service: string;
      readonly node: string;
    }
  /** A join token. */
  | { readonly kind: 'token-created'; readonly author: string; readonly spiffeId: string; readonly reason?: string }
  /** `selector`: absent where all were renewed. */
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
  /** Nobody's token, or one that is not good any more. `named`: whose it was to be. Of each address and name twice a minute at most. */
  | { readonly kind: 'admin-refused'; readonly address: string; readonly named?: string; readonly failures: number }
  /** A token whose role does not reach so far; bounded likewise. */
  | {
      readonly kind: 'admin-denied';
      readonly author: string;
      readonly address: string;
      readonly route: string;
      readonly needs: string;
      readonly failures: number;
    }
  /** Its node key, and every SVID bound to it, are refused from then on. `author`: `documents` where none names its identity any more. */
  | { readonly kind: 'host-evicted'; readonly author: string; readonly nodeKey: string; readonly reason?: string }
  /**
   * What stands in a shared store is not in force: no control plane of ours wrote it, or it is older than what was seen. Of each code
   * once a minute.
   */
  | { readonly kind: 'store-refused'; readonly code: string; readonly reason: string; readonly keys: readonly string[] }
  /** At a start: the log did not end with the record that it had ended with. */
  | { readonly kind: 'log-cut'; readonly found: number; readonly expected: number }
  /** At a start: what the log ended with was not known, as with a new state database. An end may be missing before this record. */
  | { readonly kind: 'checkpoint-missing'; readonly found: number };
