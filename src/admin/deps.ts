// What the admin API needs from the rest: read sides, the store, and two actions of identity. main.ts provides them.
import type { AuditLog } from '../audit/audit-log.ts';
import type { BanQuery } from '../control/banning.ts';
import type { CutOver } from '../cutover/cut-over.ts';
import type { SeenEndpoint } from '../cutover/endpoint-watch.ts';
import type { Attested } from '../identity/attested-log.ts';
import type { KnownToken } from '../identity/attestor/join-token.ts';
import type { IssuedJwt } from '../identity/jwt/issued-jwts.ts';
import type { Clock } from '../lib/clock.ts';
import type { Countdown } from '../lib/countdown.ts';
import type { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { Place } from '../model/origin.ts';
import type { Problem } from '../model/problem.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { ServiceCoverage } from '../observe/coverage.ts';
import type { CrossChecked } from '../observe/cross-check.ts';
import type { FailedHandshakes } from '../observe/handshakes.ts';
import type { Edge } from '../observe/refusals.ts';
import type { ServiceIr } from '../policy/ir.ts';
import type { RecordedCall } from '../policy/replay/recorded-call.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { Reports } from '../report/reports.ts';
import type { ReadSignals } from '../signals/read-signals.ts';
import type { Judged, Store } from '../store/store.ts';
import type { ChangeTraces } from '../tracing/change-traces.ts';
import type { Authored } from './caller.ts';
import type { RootsAdmin } from './deps-ca.ts';
import type { OtherReplicas, SeenOnEdge } from './everywhere.ts';
import type { HeldChanges } from './held-changes.ts';
import type { WantedLogLevels } from './log-levels-everywhere.ts';
import type { NamedTokens } from './named-tokens.ts';
import type { AdminOidcOptions } from './oidc/admin-oidc-options.ts';
import type { PageFiles } from './page/page-files.ts';
import type { ExplainQuery, Explanation, TrafficCount } from './wire.ts';
import type { IssuedCertificate } from './wire-certificates.ts';
import type { MissingCredential } from './wire-credentials.ts';
import type { FollowerAnswer, ParentAnswer } from './wire-following.ts';
import type { ForeignBundleAnswer } from './wire-foreign-bundles.ts';
import type { RotateAnswer } from './wire-identity.ts';
import type { IssuerKeysAnswer } from './wire-issuer-keys.ts';
import type { PublisherAnswer } from './wire-publishers.ts';
import type { RefusedSvidRow } from './wire-refused-svids.ts';

/** What a proxy was sent, without secrets. */
export interface SentToProxy {
  readonly node: string;
  readonly revision: number;
  readonly resources: readonly {
    readonly typeUrl: string;
    readonly name: string;
    readonly version: string;
    readonly madeBy: readonly Place[];
    readonly message: unknown;
  }[];
}

export interface ControlStatus {
  /** Of the program. */
  readonly version: string;
  readonly trustDomain?: string;
  /** What the pipeline found wrong in addition to the store (a refused translation, say). */
  readonly problems: readonly Problem[];
  /** Epoch milliseconds. */
  readonly startedAt: number;
}

export interface JoinTokens {
  create(request: {
    readonly spiffeId: SpiffeId;
    readonly ttlMs: number;
    readonly uses: number;
    readonly author: string;
  }): Promise<{ readonly token: Redacted<string>; readonly expiresAt: number; readonly id: string }>;
  /** Those that have not ended. */
  list(): Promise<readonly KnownToken[]>;
  /** Throws `not_found`. */
  revoke(id: string): Promise<KnownToken>;
}

/** The hosts that joined, by their node keys. */
export interface HostsAdmin {
  list(): Promise<
    readonly {
      readonly nodeKey: string;
      readonly spiffeId: string;
      readonly seenAt: number;
      readonly proxies: readonly string[];
    }[]
  >;
  /** How hosts proved themselves, the newest first. */
  history(): Promise<readonly Attested[]>;
  /** Throws `not_found`. */
  evict(target: string): Promise<{ readonly nodeKeys: readonly string[]; readonly proxies: readonly string[] }>;
}

export interface BanRow {
  readonly target:
    | { readonly kind: 'identity'; readonly spiffeId: string }
    | { readonly kind: 'host'; readonly nodeKey: string };
  readonly spiffeId?: string;
  readonly author: string;
  readonly reason?: string;
  readonly at: number;
  readonly until: number;
}

/** How far bans have come. */
export interface BanProgress {
  /** Proxies that are known to serve, and have not accepted yet to refuse everybody who is banned now. */
  waiting(): Promise<readonly string[]>;
}

export interface BansAdmin extends BanProgress {
  list(): readonly BanRow[];
  /** Throws `not_found`, `failed_precondition`, `resource_exhausted`. */
  ban(
    query: BanQuery,
    order: Authored,
  ): Promise<{
    readonly ban: BanRow;
    readonly proxies: readonly string[];
    /** Why it is in force only on this control plane. */
    readonly failed?: CellwallError;
  }>;
  /** Undefined if it was not banned. */
  lift(query: BanQuery): Promise<BanRow | undefined>;
}

/** The record of traffic, as simulations need it. */
export interface RecordReader {
  calls(since: number): Iterable<RecordedCall>;
  coverage(service: string, since: number): ServiceCoverage;
  /** Reads what other replicas heard up to now; resolves with those that do not tell. Absent: there are none. */
  refresh?(): Promise<readonly string[]>;
}

export interface ChangeLimits {
  /** Why a change needs to be confirmed; empty if it may come into force. */
  beyond(before: Judged, after: Judged): readonly Problem[];
  /** A change is held for these reasons. */
  held(reasons: readonly Pick<Problem, 'code'>[]): void;
}

export interface AdminDeps {
  readonly store: Store;
  readonly record: RecordReader;
  readonly cutOver: CutOver;
  /** Changes that wait for somebody's approval, instead of being made. */
  readonly held: HeldChanges;
  /** Whether somebody may approve what they wrote themselves. */
  readonly approveOwn: boolean;
  /** For a service that names its endpoints itself, what answered there. Absent: not probed. */
  endpoints?(service: ServiceIr): readonly SeenEndpoint[];
  readonly audit: AuditLog;
  /** What is held until it is confirmed. Absent: nothing is. */
  readonly limits?: ChangeLimits;
  /** Absent: changes are not traced. */
  readonly traces?: Pick<ChangeTraces, 'request'>;
  /** Throws `not_found` for a caller or target that no document names, `invalid_argument` for one that cannot be read. */
  explain(query: ExplainQuery): Explanation | Promise<Explanation>;
  /** The same for a denied call, by its request id. Throws `not_found` for an id that no kept denial has. */
  explainRequest(id: string): Explanation | Promise<Explanation>;
  /** What proxies refused, or could not get answered, on an edge. Absent: not kept. */
  edge?(edge: Edge): Promise<SeenOnEdge>;
  /** Control planes that share the store. Absent: there are none. */
  readonly others?: OtherReplicas;
  proxies(): readonly ProxyStatus[];
  /** What that proxy was sent; undefined if nothing was. Absent: not kept. */
  sentTo?(node: string): SentToProxy | undefined;
  /** Has that proxy log something else for a while; resolves with how many loggers changed. */
  logLevels(wanted: WantedLogLevels): Promise<number>;
  /** What a proxy's own counters reported; undefined if they are not reported. */
  crossChecked?(node: string): CrossChecked | undefined;
  /** The control plane that this one follows. Absent, or undefined: none. */
  parent?(): ParentAnswer | undefined;
  /** Control planes that follow this one. Absent: none can. */
  followers?(): readonly FollowerAnswer[];
  /** Tokens that applications expect and nobody has given. Absent: none. */
  missingCredentials?(): readonly MissingCredential[];
  /** What ends one day: certificates of CAs, and our own. Absent: not known. */
  countdowns?(): readonly Countdown[];
  /** Fetched keys of issuers of tokens. Absent: none are fetched. */
  issuerKeys?(): readonly IssuerKeysAnswer[];
  /** Bundles of foreign trust domains. Absent: there are none. */
  foreignBundles?(): readonly ForeignBundleAnswer[];
  /** Where the trust bundle is published. Absent: nowhere. */
  publishers?(): readonly PublisherAnswer[];
  traffic(): readonly TrafficCount[];
  /** Failed calls, of any service. Absent: not kept. */
  handshakes?(): readonly FailedHandshakes[];
  /** How calls went. */
  readonly signals: ReadSignals;
  readonly reports: Reports;
  readonly tokens: JoinTokens;
  readonly hosts: HostsAdmin;
  readonly bans: BansAdmin;
  /** Who asked for an SVID and got none, the latest first. Absent: not kept. */
  refusedSvids?(): readonly RefusedSvidRow[] | Promise<readonly RefusedSvidRow[]>;
  /** On record: for a week after their end. */
  certificates(): readonly IssuedCertificate[] | Promise<readonly IssuedCertificate[]>;
  /** JWT-SVIDs on record: for a day after their end. Absent: none are issued. */
  jwtSvids?(): readonly IssuedJwt[] | Promise<readonly IssuedJwt[]>;
  /** The roots of the CA. Absent, or undefined: it is not running yet. */
  ca?(): RootsAdmin | undefined;
  /** Renews certificates of proxies now, at every replica: those of one identity, or all. */
  rotate(spiffeId?: SpiffeId): RotateAnswer | Promise<RotateAnswer>;
  /** Prometheus text. */
  metrics(named: boolean): Promise<string>;
  /** `stale`: why what it serves may be out of date. */
  ready(): { readonly ready: boolean; readonly reasons: readonly string[]; readonly stale?: string };
  /** The last revision that the connected proxies were sent. Absent: it is always that in force. */
  published?(): number | undefined;
  /** The page in a browser. Absent: it is not served. */
  readonly page?: PageFiles;
  /** Who signs in to it by OpenID Connect. Absent: nobody. */
  readonly oidc?: AdminOidcOptions;
  resolveService(ref: string): SpiffeId | undefined;
  status(): ControlStatus;
  /** An operator is being served from now until the returned function is called. Absent: nothing gives way. */
  readonly claim?: () => () => void;
  readonly log: Log;
  /** The data folder's token: may do everything. */
  readonly token: Redacted<string>;
  readonly namedTokens: NamedTokens;
  readonly clock: Clock;
}
