// The result of all policies for one port, in the intermediate representation (ir.ts): rules, and to whom and what they apply.
import type { DocumentKey } from '../model/documents/document.ts';
import type { Source } from '../model/problem.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { ClaimsIr } from './claims.ts';

/**
 * Decided in this order: a break-glass identity is allowed; any enforced deny rule that matches denies; any enforced allow rule that
 * matches allows; otherwise `cellDefault` allows, otherwise `fallback` decides. It is `allow` only for a permissive service that no
 * enforced policy targets.
 */
export interface AuthorizationIr {
  readonly fallback: 'allow' | 'deny';
  /** Callers whom the mesh's defaults for traffic inside and across cells allow, if no enforced policy targets the service. */
  readonly cellDefault?: CellDefaultIr;
  /** All that target the service, enforced or not. */
  readonly policies: readonly DocumentKey[];
  readonly deny: readonly RuleIr[];
  readonly allow: readonly RuleIr[];
  /** Rules of shadow policies: evaluated in addition to the enforced ones, counted, never enforced. */
  readonly shadowDeny: readonly RuleIr[];
  readonly shadowAllow: readonly RuleIr[];
}

/** One rule at one port. It matches a call if a principal and, unless there are no operations, an operation match. */
export interface RuleIr {
  /** `<policy name>/<rule index>` or `<cell>/<policy name>/<rule index>`: the RBAC policy's name on the proxy. */
  readonly id: string;
  readonly policy: DocumentKey;
  readonly source: Source;
  /** Any of them; never empty. */
  readonly principals: readonly PrincipalIr[];
  /** Any of them; empty: every operation. */
  readonly operations: readonly OperationIr[];
}

/**
 * Who a rule is about. `id`, `prefix`, `with-token` and `cells` are callers with an SVID; `anonymous` and `jwt` are
 * those without one.
 */
export type PrincipalIr =
  | NamedIr
  /** Both: who calls, by its SVID, and on whose behalf or with what right, by a verified token in the request. */
  | { readonly kind: 'with-token'; readonly caller: NamedIr; readonly token: TokenIr }
  /** No verified identity of the mesh: plaintext, one-way TLS, legacy certificate. */
  | { readonly kind: 'anonymous' }
  /** Anonymous, with a verified token. */
  | ({ readonly kind: 'jwt' } & TokenIr)
  | { readonly kind: 'everyone' }
  | CellDefaultIr;

export type NamedIr =
  | { readonly kind: 'id'; readonly id: SpiffeId }
  /** Ends in "/". */
  | { readonly kind: 'prefix'; readonly prefix: string };

/** What a verified token must say. */
export interface TokenIr {
  /** A name of `jwtIssuers`. */
  readonly issuer: string;
  /** One of its audiences. */
  readonly audience: string;
  readonly claims: ClaimsIr;
}

/** Identities that begin with `prefix` but not with `except`; both end in "/". Only for defaults: documents cannot express it. */
export interface CellDefaultIr {
  readonly kind: 'cells';
  readonly prefix: string;
  readonly except?: string;
}

/** All fields that are present must match. */
export interface OperationIr {
  readonly methods?: readonly string[];
  readonly path?: PathIr;
  /** Only with an exact gRPC path. */
  readonly matchingCell?: MatchingCellIr;
}

/** A field of the request's message that must contain the number of the caller's cell: singular, at the top level, outside of oneofs. */
export interface MatchingCellIr {
  readonly field: string;
  readonly number: number;
  readonly type: 'int64' | 'uint64' | 'string';
}

/** Compared with the canonical path (decide/path.ts), never with the one on the wire. */
export type PathIr =
  | { readonly kind: 'exact'; readonly path: string }
  /** `/a` covers `/a` and `/a/…`. A prefix of `/` covers everything. */
  | { readonly kind: 'prefix'; readonly path: string }
  /** Segments are literals, or `null` for one that matches any single non-empty segment. */
  | { readonly kind: 'template'; readonly segments: readonly (string | null)[] };
