// What is worth evidence: a closed union, so that a reader of the log knows every kind there can be.

export type AuditEvent =
  | {
      readonly kind: 'documents-applied';
      readonly author: string;
      readonly revision: number;
      readonly changed: readonly string[];
      readonly urgent: boolean;
      /** Found at the start: it was changed while the control plane was away. */
      readonly whileAway?: true;
    }
  /** A service was made strict against the reasons that the gate gave. Written before the change. */
  | {
      readonly kind: 'cut-over-forced';
      readonly author: string;
      readonly services: readonly string[];
      readonly reasons: readonly string[];
    }
  /** A service was made strict although callers were not ready, which had been waited for long enough. Written before the change. */
  | {
      readonly kind: 'cut-over-warned';
      readonly author: string;
      readonly services: readonly string[];
      readonly reasons: readonly string[];
    }
  | { readonly kind: 'rolled-back'; readonly author: string; readonly to: number; readonly revision: number }
  /** At most once a minute for each identity and service. */
  | {
      readonly kind: 'break-glass-used';
      readonly principal: string;
      readonly service: string;
      readonly node: string;
    }
  | { readonly kind: 'token-created'; readonly author: string; readonly spiffeId: string }
  /** Its node key, and every SVID bound to it, are refused from then on. `author`: `documents` where none names its identity any more. */
  | { readonly kind: 'host-evicted'; readonly author: string; readonly nodeKey: string }
  /** What stands in a shared store is not in force: no control plane of ours wrote it, or it is older than what was seen. Of each code once a minute. */
  | { readonly kind: 'store-refused'; readonly code: string; readonly reason: string; readonly keys: readonly string[] }
  /** At a start: the log did not end with the record that it had ended with. */
  | { readonly kind: 'log-cut'; readonly found: number; readonly expected: number }
  /** At a start: what the log ended with was not known, as with a new state database. An end may be missing before this record. */
  | { readonly kind: 'checkpoint-missing'; readonly found: number };
