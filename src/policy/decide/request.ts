// The question to `decide`: one call, as its caller would make it.
import type { SpiffeId } from '../../model/spiffe-id.ts';
import type { Claims } from '../claims.ts';
import type { ServiceKey } from '../ir.ts';

/** What the target's proxy can verify about the caller. `any`: a token that satisfies every principal that asks for one. */
export type Caller =
  /** Presents an X.509-SVID with this ID, signed by its trust domain. */
  | { readonly kind: 'id'; readonly id: SpiffeId; readonly token?: Token | 'any' }
  /** Presents none: plaintext, TLS without a client certificate, or a certificate of a legacy authority. */
  | { readonly kind: 'anonymous'; readonly via: AnonymousVia; readonly token?: Token | 'any' };

/** What a verified token says. Assumed to satisfy any rule: `any`. */
export interface Token {
  /** A name of the mesh's `jwtIssuers`. */
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly claims: Claims;
}

/** How a caller without an SVID connects; only permissive ports accept it. */
export type AnonymousVia = 'plaintext' | 'one-way-tls' | 'legacy';

/** One call. `grpc` excludes `method` and `path`. */
export interface AccessRequest {
  readonly target: ServiceKey;
  /** Name of one of its ports. Default: its only one, or the one that is named `default`. */
  readonly port?: string;
  readonly caller: Caller;
  /** HTTP method, upper case. Default: POST for gRPC, else GET. Ignored by TCP services. */
  readonly method?: string;
  /** As on the wire, possibly with a query. Default: `/`. Ignored by TCP services. */
  readonly path?: string;
  /** `package.Service/Method`: a POST to that path; stands for `method` and `path`. */
  readonly grpc?: string;
  /** With `grpc`: the content of the field that `matchingCell` rules look at. Absent: missing, or unreadable. */
  readonly cellId?: string;
}
