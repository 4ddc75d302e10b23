// The intermediate representation: documents resolved against each other, without dangling names or implicit defaults. Small on purpose.
// policy/resolve makes it; policy/decide answers from it; translate turns it into Envoy's messages.
import type { DocumentKey, ResolvedKinds } from '../model/documents/document.ts';
import type { Selector } from '../model/evidence.ts';
import type { FieldPath } from '../model/field-path.ts';
import type { IdentityTemplate } from '../model/identity-template.ts';
import type { Source } from '../model/problem.ts';
import type { ServiceKey } from '../model/service-key.ts';
import type { SpiffeId, TrustDomain } from '../model/spiffe-id.ts';
import type { AuthorizationIr, NamedIr } from './authorization-ir.ts';
import type { RawIr } from './raw-ir.ts';
import type { TrustBundleIr } from './trust-bundle-ir.ts';

export type { ServiceKey } from '../model/service-key.ts';

/** The key of a service, for its port `default`; for any other port followed by its name: `cell/name:rest`. */
export type PortKey = string & { readonly __brand: 'PortKey' };

/** What the application speaks. `grpc` is HTTP/2 with gRPC's paths, status codes and trailers. */
export type Protocol = 'http1' | 'http2' | 'grpc' | 'tcp';

/**
 * All documents of one state, resolved. Immutable; parts that did not change are the same objects in the next state.
 */
export interface MeshIr {
  /** The Mesh document's. */
  readonly document: DocumentKey;
  readonly trustDomain: TrustDomain;
  readonly svidLifetimeMs: number;
  readonly cells: ReadonlyMap<string, CellIr>;
  readonly services: ReadonlyMap<ServiceKey, ServiceIr>;
  /** Which service a SPIFFE ID belongs to; and for each port that others depend on, these others, in the order of the services. */
  readonly serviceOf: ReadonlyMap<SpiffeId, ServiceKey>;
  readonly callers: ReadonlyMap<PortKey, readonly Pick<ServiceIr, 'key' | 'spiffeId'>[]>;
  /** Every identity that the documents give to somebody, including those of services without a Workload. */
  readonly identities: IdentitiesIr;
  readonly legacyAuthorities: ReadonlyMap<string, LegacyAuthorityIr>;
  readonly jwtIssuers: ReadonlyMap<string, JwtIssuerIr>;
  /** Foreign trust domains. Absent if there are none. */
  readonly trustBundles?: ReadonlyMap<TrustDomain, TrustBundleIr>;
  /** EnvoyResource documents, in the order of their keys. Absent if there are none. */
  readonly rawResources?: readonly RawIr[];
  /** The meaning of documents whose kinds have their own `resolve`. Absent if there are none. */
  readonly kinds?: ResolvedKinds;
  /** Identities that no policy can lock out; they are checked before every rule. */
  readonly breakGlass: readonly SpiffeId[];
  /** By port and chain of its inbound listener: changing a value ends what is open there. Not from documents; absent, nothing ends. */
  readonly cuts?: ReadonlyMap<PortKey, ReadonlyMap<string, string>>;
  /** Callers that every port refuses, whatever the rules say. Not from documents; absent if there are none. */
  readonly banned?: BannedIr;
}

/** Identities, and single hosts by their node keys (SHA-256, hex). Both sorted, and never both empty. */
export interface BannedIr {
  readonly identities: readonly SpiffeId[];
  readonly hosts: readonly string[];
}

/** `id` is the number by which requests name the cell (`matchingCell`); it is unique. */
export interface CellIr {
  readonly name: string;
  readonly id: number;
  readonly region?: string;
  /** It has a control plane of its own, which follows this one. */
  readonly controlPlane?: { readonly localChanges: LocalChanges };
}

/** Whether a cell's own control plane changes the cell's documents; and whose version counts if both sides changed one. */
export type LocalChanges = 'refused' | 'parent-wins' | 'local-wins';

/** A CA outside the mesh. Its clients may connect to permissive ports, where they count as anonymous. */
export interface LegacyAuthorityIr {
  readonly name: string;
  /** PEM, one or more CA certificates. */
  readonly certificates: string;
}

/** An issuer of tokens that callers may present. */
export interface JwtIssuerIr {
  readonly name: string;
  /** `iss`, exactly. */
  readonly issuer: string;
  /** A JWK Set, public keys of fixed algorithms. Absent while the control plane has fetched none: then no token of it is valid. */
  readonly jwks?: string;
  /** Where the control plane fetches them. */
  readonly keysFrom?: KeysFromIr;
  /** Lower case. In `authorization` the token follows "Bearer ". */
  readonly header: string;
}

/** An https address that answers with a JWK Set. */
export interface KeysFromIr {
  readonly url: string;
  /** PEM. Absent: the roots of the system. */
  readonly ca?: string;
}

/** What is the same for every port of a service. */
interface ServiceFacts {
  readonly key: ServiceKey;
  readonly source: Source;
  readonly name: string;
  readonly cell?: CellIr;
  readonly spiffeId: SpiffeId;
  /** A server of another trust domain: it is called, and nothing else. Absent: a service of the mesh. */
  readonly external?: true;
  readonly mtls: MtlsIr;
  /** EnvoyResource documents that affect what decides about its callers: then the result cannot be known here. Absent if there are none. */
  readonly rawPatches?: readonly { readonly document: DocumentKey; readonly source: Source }[];
}

export interface ServiceIr extends ServiceFacts {
  /** Never empty, in the order of the document. */
  readonly ports: readonly PortIr[];
  readonly dependsOn: readonly DependencyIr[];
}

/** One port of a service: everything that its listener, and its callers' clusters, are made from. */
export interface PortIr extends ServiceFacts {
  readonly id: PortKey;
  /** Its name in the service: `default` unless the document sets another. */
  readonly port: string;
  /** Of the document. */
  readonly place: FieldPath;
  readonly protocol: Protocol;
  /** The application's port on loopback, as in the documents: for sidecars that do not report it. */
  readonly app?: number;
  readonly endpoints: EndpointSourceIr;
  readonly authorization: AuthorizationIr;
  /** Foreign trust domains whose callers its rules name, sorted: it accepts their certificates. Absent: only those of the mesh. */
  readonly federated?: readonly TrustDomain[];
  readonly identityHeaders: IdentityHeadersIr;
  readonly credential?: CredentialIr;
  readonly healthPath?: string;
  readonly escapedSlashes: 'reject' | 'keep';
  /** It has descriptors, so that rules may refer to fields of its requests. */
  readonly describesGrpc: boolean;
  readonly timeouts: {
    readonly connectMs: number;
    readonly requestMs: number;
    /** 0: none. */
    readonly idleMs: number;
    /** For unused connections to the application; 0: none. */
    readonly applicationIdleMs: number;
  };
  readonly upgrades: readonly 'websocket'[];
  /** Header names arrive as they were written. HTTP/1.1 only. */
  readonly keepsHeaderCase: boolean;
  readonly retries: { readonly attempts: number; readonly perTryTimeoutMs?: number };
  /** Absent: the usual one (translate/outbound/outbound-cluster.ts). */
  readonly outlierDetection?: {
    readonly consecutiveFailures: number;
    readonly baseEjectionMs: number;
    readonly maxEjectionPercent: number;
  };
  readonly healthCheck?: {
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly unhealthyThreshold: number;
    readonly healthyThreshold: number;
  };
  readonly sameCellFirst: boolean;
  /** Connections, inbound and outbound to it, are drained after this; always below half the SVID's lifetime. */
  readonly connectionAgeMs: number;
}

/** Headers about the caller's identity: which ones the application gets, and which ones are removed from requests. */
export interface IdentityHeadersIr {
  readonly xfcc: boolean;
  readonly peerId: boolean;
  readonly subjectDn: boolean;
  /** Other headers that carry identity: names, or prefixes that end in "*". In order, each once. */
  readonly stripped: readonly string[];
  /** From whom the application gets them nevertheless. */
  readonly trusted: { readonly callers: readonly SpiffeId[]; readonly anonymous: boolean };
}

/** A header in which the application expects a token: who gets which one from its sidecar, and what others may send. */
export interface CredentialIr {
  readonly header: string;
  /** Before the token, with a blank. */
  readonly scheme?: string;
  /** Secret → callers. An identity is in one of them only. */
  readonly grants: readonly { readonly secret: string; readonly callers: readonly NamedIr[] }[];
  /** Secrets of which others may send one. Empty: nothing in that header arrives of them. */
  readonly accepted: readonly string[];
}

/**
 * `strict`: only callers with an SVID. `permissive`: plaintext, one-way TLS and certificates of `legacyAuthority` as
 * well.
 */
export type MtlsIr = { readonly mode: 'strict' } | { readonly mode: 'permissive'; readonly legacyAuthority?: string };

/** Where a port's endpoints come from. `sidecars`: whoever is connected with the service's identity. */
export type EndpointSourceIr =
  | { readonly kind: 'sidecars' }
  | { readonly kind: 'static'; readonly endpoints: readonly EndpointIr[] }
  | { readonly kind: 'dns'; readonly name: string; readonly port: number };

/** One address on which a sidecar of a service listens. */
export interface EndpointIr {
  readonly address: string;
  readonly port: number;
  readonly cell?: string;
  readonly region?: string;
}

/** A Unix domain socket; `mode` is its file mode, as a number (0o660). */
export interface SocketIr {
  readonly path: string;
  readonly mode: number;
}

/** One port of another service that this service calls, and where its own application reaches it. */
export interface DependencyIr {
  readonly target: ServiceKey;
  /** Which of its ports. */
  readonly port: PortKey;
  /** Address of the outbound listener: a loopback port, or a socket. */
  readonly listen: number | SocketIr;
  /** Names, in addition to those of this host, by which it may be called on the port; `*` for any. */
  readonly hosts: readonly string[];
}

/** Two Workloads never give the same ID (resolve/check-identities.ts). */
export interface IdentitiesIr {
  readonly exact: ReadonlyMap<SpiffeId, WorkloadIr>;
  readonly templates: readonly TemplateWorkloadIr[];
}

/** What earns an identity, and what its certificate and its proxies may contain. */
export interface WorkloadIr {
  readonly spiffeId: SpiffeId;
  readonly document: DocumentKey;
  readonly source: Source;
  readonly selectors: readonly Selector[];
  readonly lifetimeMs: number;
  readonly dnsNames: readonly string[];
  readonly commonName?: string;
  readonly advertise?: { readonly addresses: readonly string[]; readonly ports?: readonly number[] };
  /** Who makes its proxies' keys. */
  readonly secrets?: 'local' | 'pushed';
}

export interface TemplateWorkloadIr extends Omit<WorkloadIr, 'spiffeId'> {
  readonly template: IdentityTemplate;
}
