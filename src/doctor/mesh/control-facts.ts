// What the control plane says of itself (`GET /v1/status`), as far as something may be wrong with it. Times are epoch milliseconds.

interface Fetched {
  /** Why it could not be had last time; what is known stays. */
  readonly error?: { readonly message: string; readonly at: number };
}

export interface ControlFacts {
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly problems: readonly {
    readonly severity: 'error' | 'warning';
    readonly source: { readonly file: string; readonly line: number; readonly column: number };
    readonly message: string;
    readonly hint?: string | undefined;
  }[];
  readonly storeTrouble?:
    | { readonly kind: 'away' | 'read-only'; readonly since: number; readonly reason: string }
    | undefined;
  /** Changes that wait for somebody's approval. */
  readonly waiting?: number | undefined;
  readonly bans?: { readonly count: number; readonly waiting: readonly string[] } | undefined;
  readonly replicas?: readonly { readonly id: string; readonly alive: boolean }[] | undefined;
  readonly parent?: { readonly parent: string; readonly connected: boolean; readonly since: number } | undefined;
  readonly rotation?: {
    readonly phase: string;
    readonly held: number;
    readonly holdUps: readonly { readonly who: string; readonly why: string }[];
  };
  readonly missingCredentials?: readonly { readonly secret: string; readonly services: readonly string[] }[];
  readonly runningOut?: readonly {
    readonly kind: string;
    readonly name: string;
    readonly notAfter: number;
    readonly hint: string;
  }[];
  readonly issuerKeys?: readonly (Fetched & { readonly issuer: string; readonly url: string; readonly keys: number })[];
  readonly foreignBundles?: readonly (Fetched & { readonly trustDomain: string; readonly roots: number })[];
  readonly publishers?: readonly (Fetched & { readonly name: string; readonly confirmed: boolean })[];
  /** Within the last hour. */
  readonly refusedSvids?: number;
}
