// The options of a control plane, and what it reports once it runs.
import type { ParentChoice } from '../follower/follower.ts';
import type { AuthorityChoice } from '../identity/open-authority.ts';
import type { PublisherPlace } from '../identity/publisher/publishers.ts';
import type { GrpcTransportName } from '../lib/grpc-call.ts';
import type { HostPort } from '../lib/host-port.ts';
import type { LogLevel } from '../lib/log.ts';
import type { NamedValues } from '../lib/named-options.ts';
import type { TracingOptions } from '../tracing/trace-options.ts';

export interface ServeOptions {
  /** A name in store/catalog.ts, and that store's options. */
  readonly store: { readonly kind: string; readonly options: NamedValues };
  /** Whether EnvoyResource documents may bring code into proxies. Default: not. */
  readonly allowProxyCode?: true;
  readonly data: string;
  /** Which CA. Default: the built-in one, with only its own root. */
  readonly ca?: AuthorityChoice;
  /** A file that says whom attestors believe. Default: there are only join tokens. */
  readonly attestors?: string;
  /** A folder of tokens that applications expect of their callers. Default: there are none. */
  readonly credentials?: string;
  /** A file that says where records of the audit log go as well. Default: nowhere. */
  readonly auditSinks?: string;
  readonly xds: HostPort;
  /** The gRPC transport there. Default `grpc-js`. */
  readonly xdsTransport?: GrpcTransportName;
  readonly identity: HostPort;
  readonly admin: HostPort;
  /** The admin API with TLS, beyond loopback. */
  readonly adminTls?: {
    readonly address: HostPort;
    /** Names by which it may be called, in addition to its addresses. */
    readonly names: readonly string[];
    /** PEM files. Default: the control plane's own SVID. */
    readonly files?: { readonly certificate: string; readonly key: string };
  };
  /** A file that says who signs in to the page by OpenID Connect. Default: nobody. */
  readonly adminOidc?: string;
  /** Our own bundle endpoint, for trust domains that federate with this one. PEM files; default: the control plane's SVID. */
  readonly bundleEndpoint?: {
    readonly address: HostPort;
    readonly files?: { readonly certificate: string; readonly key: string };
  };
  /** A file with the key that seals what is in the store. Default: that of the data folder, created at the first start. */
  readonly storeSealKey?: string;
  /** A file with the one secret from which that key follows, and with which the CA's keys are encrypted in the store. Default: none is. */
  readonly bootstrapSecret?: string;
  /** What waits for approval is not approved by who wrote it. Default: it may be. */
  readonly approveByOthers?: true;
  /** Where the trust bundle is published. Default: nowhere. */
  readonly publish?: readonly PublisherPlace[];
  /** Tokens name an issuer that relying parties of OpenID Connect verify. Default: they do not. */
  readonly oidc?: OidcChoice;
  /** How long documents are in force without a rejection until they count as good, seconds. Default 60. */
  readonly soakSeconds?: number;
  /** By name, in place of the defaults of limits/limits.ts. */
  readonly limits?: Readonly<Record<string, string>>;
  /** It follows another control plane, as that of a cell. */
  readonly parent?: ParentChoice;
  /** Where traces of changes go. Absent: nothing is traced. */
  readonly tracing?: TracingOptions;
  readonly logLevel: LogLevel;
}

export interface OidcChoice {
  /** As `parseIssuer` (identity/jwt/oidc-documents.ts) has it. */
  readonly issuer: string;
  /** Where the documents are served: without `tls` plain HTTP. */
  readonly listen?: HostPort;
  /** PEM files. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** The folder that they are written to. */
  readonly files?: string;
}

/** What a started control plane reports about itself. */
export interface ServeStarted {
  readonly xds: HostPort;
  readonly identity: HostPort;
  readonly admin: HostPort;
  readonly adminTls?: HostPort;
  readonly oidc?: HostPort;
  readonly bundles?: HostPort;
  readonly trustDomain?: string;
  readonly revision?: number;
  readonly services: number;
  readonly adminTokenFile: string;
}
