// Everything that is known of the calls of one caller to one port of a service, as data: what `diagnose` judges. Gathered by the admin API
// (admin/doctor/); nothing here asks anybody.
import type { IpPort } from '../lib/host-port.ts';

export interface Facts {
  /** The control plane's clock, epoch milliseconds; so are all other times. */
  readonly now: number;
  readonly call: CallFacts;
  readonly documents: DocumentFacts;
  readonly policy: PolicyFacts;
  /** Without proxies for a caller that is no service of the mesh. */
  readonly caller: SideFacts;
  readonly service: SideFacts;
  /** For a service that names its endpoints itself: what answered there. */
  readonly endpoints: readonly EndpointFact[];
  /** Names of the roots in force. Absent: not known. */
  readonly roots?: readonly string[];
  /** What proxies answered in place of the service, or refused, within the last minutes, the newest first. */
  readonly answers: readonly SeenAnswer[];
  /** TLS handshakes that failed before the service within the last minutes, the newest first. */
  readonly handshakes: readonly SeenHandshake[];
  /** Calls on record. */
  readonly traffic: TrafficFacts;
  readonly unseen: readonly Unseen[];
}

/** What could not be looked at, in one sentence. */
export interface Unseen {
  readonly text: string;
  /** A cause may be there, so that nobody can say that nothing is wrong. */
  readonly hides: boolean;
}

export interface CallFacts {
  /** As it was asked. */
  readonly caller: string;
  /** `plaintext`, `one-way-tls` or `legacy` for one without an identity. */
  readonly anonymous?: string;
  /** `cell/name`, followed by `:port` for one of several ports. */
  readonly target: string;
  /** `default` for a service with one port. */
  readonly port: string;
  readonly protocol: 'http1' | 'http2' | 'grpc' | 'tcp';
  readonly mtls: 'permissive' | 'strict';
  /** A server of another trust domain. */
  readonly external: boolean;
  /** It names its endpoints itself. */
  readonly ownEndpoints: boolean;
  readonly operation: Operation;
}

/** `last`: nobody said which; it is that of the last call that failed. `any`: no call is known, so it is `GET /`. */
export interface Operation {
  readonly from: 'asked' | 'last' | 'any';
  readonly method?: string;
  readonly path?: string;
}

export interface DocumentFacts {
  /** Where the caller's application reaches the service; absent if its document does not depend on it. */
  readonly listen?: string;
  /** The caller is a service of the mesh, and its document has to say so. */
  readonly needsDependency: boolean;
  /** The caller's document, and the service's, with file and line. */
  readonly callerDocument?: string;
  readonly serviceDocument?: string;
  /** Documents that are stored, and refused. */
  readonly refused: readonly { readonly place: string; readonly message: string }[];
}

export interface PolicyFacts {
  readonly outcome: 'allowed' | 'denied';
  readonly stage: string;
  readonly reason: string;
  /** Document and line that decided. */
  readonly decidedBy: string;
  /** The smallest rule that would allow it, as YAML. */
  readonly rule?: string;
  /** Rules know the caller and ask for a token as well. */
  readonly wantsToken?: string;
  /** Proxies of the service that do not enforce the revision in force yet. */
  readonly pending: readonly string[];
  /** Raw patches decide: the outcome may differ. */
  readonly undecidable: boolean;
  /** It denies this operation, and some rule allows the caller others. */
  readonly otherOperations: boolean;
}

export interface SideFacts {
  /** A service, a SPIFFE ID, or `anonymous`. */
  readonly who: string;
  readonly proxies: readonly ProxyFacts[];
  /** Requests for an SVID of this identity that were refused within the last hour, the latest first. */
  readonly refusedSvids: readonly { readonly reason: string; readonly at: number }[];
}

export interface ProxyFacts {
  readonly node: string;
  readonly state: 'connected' | 'held' | 'gone';
  readonly since: number;
  /** It has accepted its listeners. */
  readonly ready: boolean;
  /** Of the service: callers are sent to it for this port. */
  readonly takesCalls: boolean;
  readonly inbound?: IpPort;
  readonly notRegistered?: string;
  readonly application?: IpPort | { readonly path: string };
  readonly applicationState?: ApplicationFacts;
  readonly certificate?: CertificateFacts;
  readonly clockOffsetMs: number;
  readonly rejected: readonly RejectedFact[];
  /** Types that it was sent and has not answered. */
  readonly unanswered: readonly string[];
  readonly takenPorts: readonly { readonly address: string; readonly port: number; readonly holder: string }[];
  readonly withheld?: string;
  readonly outdated?: string;
  readonly contested?: { readonly peer: string; readonly at: number };
}

/** As its helper sees it on its own host. */
export interface ApplicationFacts {
  readonly answers: boolean;
  /** Why not: a code such as ECONNREFUSED. */
  readonly why?: string;
  /** Addresses at which something listens on its port. */
  readonly on?: readonly string[];
  readonly around: readonly string[];
}

export interface CertificateFacts {
  readonly serial: string;
  readonly notAfter: number;
  /** Absent: not on record. */
  readonly notBefore?: number;
  /** Name of the root that it goes back to. */
  readonly root?: string;
}

export interface RejectedFact {
  /** As in `Listener`. */
  readonly type: string;
  readonly message: string;
  /** Names of the resources. */
  readonly resources: readonly string[];
  /** `Kind/name file:line`, the most likely first. */
  readonly madeBy: readonly string[];
}

export interface EndpointFact extends IpPort {
  /** `fine`, `open` (whoever calls it is not judged) or `unknown`. */
  readonly state: 'fine' | 'open' | 'unknown';
  readonly answer?: string;
  readonly what: string;
  readonly toDo: string;
}

export interface SeenAnswer {
  /** `own`: the caller's sidecar in place of the service. `failed`: the service's, in place of its application. `denied`: a rule. */
  readonly kind: 'own' | 'failed' | 'denied';
  readonly at: number;
  readonly node: string;
  readonly requestId: string;
  readonly method?: string;
  /** Empty: the proxy did not read so far. */
  readonly path: string;
  /** Of HTTP. */
  readonly status?: number;
  /** Envoy's. Absent for `denied`. */
  readonly details?: string;
  /** The rule that denied; absent: none allowed. */
  readonly policy?: string;
}

export interface SeenHandshake {
  readonly address: string;
  readonly why: string;
  /** It was an attempt to call. */
  readonly caller: boolean;
  readonly count: number;
  readonly at: number;
}

/** Of this caller at this port; epoch milliseconds of the last one of each kind. */
export interface TrafficFacts {
  readonly allowedAt?: number;
  readonly failedAt?: number;
  readonly deniedAt?: number;
}
