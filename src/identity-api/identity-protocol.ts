// What the identity API and its client send each other (JSON over HTTPS). Types and limits only: both ends import it.

import type { LogLevelsOrder } from './log-levels-order.ts';

export interface AttestRequest {
  readonly evidence: { readonly attestor: string; readonly [field: string]: unknown };
  /** PEM of a PKCS#10 request; only its public key is used. */
  readonly csr: string;
  /** SubjectPublicKeyInfo, base64url, of the key that the host keeps. Default: the request's own key. */
  readonly nodeKey?: string;
  /** Possession of `nodeKey` (identity/possession.ts). */
  readonly proof?: string;
  /** As in `RenewRequest`. */
  readonly confirmed?: true;
}

/** Everything that proves the caller is in the request, not in the connection. */
export interface RenewRequest {
  /** The current SVID, PEM, leaf first. */
  readonly chain: string;
  readonly csr: string;
  /** Possession of the current SVID's key. */
  readonly proof: string;
  /** This helper says when its program has it (identity/roots/said-in-use.ts): not before does it count as replaced. */
  readonly confirmed?: true;
}

export interface IssueReply {
  readonly spiffeId: string;
  /** PEM, leaf first, then intermediates. */
  readonly chain: string;
  /** PEM of the roots. */
  readonly bundle: string;
  /** Sequence of that bundle: a higher one is newer. Absent: an older control plane. */
  readonly sequence?: number;
  /** ISO 8601. */
  readonly notAfter: string;
  /** ISO 8601: half of its lifetime. Add jitter. */
  readonly renewAt: string;
}

export interface BundleReply {
  readonly sequence: number;
  /** PEM of the roots. */
  readonly bundle: string;
  /** Names of those on their way out: what they vouch for is to be renewed soon. Absent: none. */
  readonly retiring?: readonly string[];
  /** An operator wants this host to have a new certificate now. */
  readonly renew?: true;
  /** An operator wants this host's Envoy to log something else for a while. */
  readonly logLevels?: LogLevelsOrder;
}

export interface JwtRequest {
  readonly audience: readonly string[];
}

export interface JwtReply {
  readonly spiffeId: string;
  /** In compact form. */
  readonly token: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/** The body of every answer of 400 and above. */
export interface ErrorReply {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export const identityPaths = {
  bundle: '/v1/bundle',
  attest: '/v1/attest',
  renew: '/v1/renew',
  /** Over mTLS, with an SVID: the bundle, once it is newer than `?after=<sequence>`. The rest: what the host has in use. */
  nextBundle: '/v1/bundle/next',
  /** Over mTLS, with an SVID: a JWT-SVID of the same identity. */
  jwt: '/v1/jwt-svid',
  /** The keys that verify JWT-SVIDs, a JWK Set. */
  jwtKeys: '/v1/jwt-keys',
  /** Roots and keys of foreign trust domains. */
  foreign: '/v1/foreign-trust',
  /** Over mTLS, with the proxy's SVID (counters-report.ts). */
  counters: '/v1/counters',
  /** Likewise: this proxy is about to start, under this name (leave-request.ts). */
  hello: '/v1/hello',
  /** Likewise: this proxy is about to exit (leave-request.ts). */
  leave: '/v1/leave',
  /** Likewise: whether its application answers (application-report.ts). */
  application: '/v1/application',
  /** Likewise: on which ports its Envoy cannot listen (ports-report.ts). */
  ports: '/v1/ports',
  /** Likewise: what became of an order about Envoy's log levels (log-levels-order.ts). */
  logLevels: '/v1/log-levels',
  /** Over mTLS, with the SVID of a job that a runner vouched for: it has ended (receive-ended.ts). */
  ended: '/v1/ended',
  /** Likewise, with the control plane's own SVID: whether another replica hears the store (receive-hears.ts). */
  hears: '/v1/hears',
  /** Likewise, with a follower's SVID: documents and roots, and every change of them (follow-protocol.ts). */
  follow: '/v1/follow',
  /** Likewise: certifies the intermediate of a follower. */
  followIntermediate: '/v1/follow/intermediate',
  /** Likewise: who would be cut off there by the next phase of the rotation of the root (identity/roots/cell-report.ts). */
  followReport: '/v1/follow/report',
} as const;

export const maxBodyBytes = 65_536;
