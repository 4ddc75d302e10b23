// What the admin API needs of the rest: read sides, the store, and two verbs of identity. main.ts provides them.
import type { AuditLog } from '../audit/audit-log.ts';
import type { CutOver } from '../cutover/cut-over.ts';
import type { SeenEndpoint } from '../cutover/endpoint-watch.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { Place } from '../model/origin.ts';
import type { Problem } from '../model/problem.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { ServiceCoverage } from '../observe/coverage.ts';
import type { CrossChecked } from '../observe/cross-check.ts';
import type { FailedHandshakes } from '../observe/handshakes.ts';
import type { ServiceIr } from '../policy/ir.ts';
import type { RecordedCall } from '../policy/replay/recorded-call.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { Store } from '../store/store.ts';
import type { NamedTokens } from './named-tokens.ts';
import type { ExplainQuery, Explanation, IssuedCertificate, TrafficCount } from './wire.ts';
import type { PublisherAnswer } from './wire-publishers.ts';

/** What a proxy was sent, without what is secret in it. */
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
  /** What the pipeline found wrong beyond what the store did (a translation that was refused, say). */
  readonly problems: readonly Problem[];
  /** Epoch milliseconds. */
  readonly startedAt: number;
}

export interface JoinTokens {
  create(request: {
    readonly spiffeId: SpiffeId;
    readonly ttlMs: number;
  }): Promise<{ readonly token: Redacted<string>; readonly expiresAt: number }>;
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
  /** Throws `not_found`. */
  evict(target: string): Promise<{ readonly nodeKeys: readonly string[]; readonly proxies: readonly string[] }>;
}

/** The record of traffic, as simulations need it. */
export interface RecordReader {
  calls(since: number): Iterable<RecordedCall>;
  coverage(service: string, since: number): ServiceCoverage;
}

export interface AdminDeps {
  readonly store: Store;
  readonly record: RecordReader;
  readonly cutOver: CutOver;
  /** Of a service that names them itself, what answered there. Absent: nobody looks. */
  endpoints?(service: ServiceIr): readonly SeenEndpoint[];
  readonly audit: AuditLog;
  /** Throws `not_found` for a caller or target that no document names, `invalid_argument` for one that cannot be read. */
  explain(query: ExplainQuery): Explanation;
  /** The same of a call that was refused, by its request id. Throws `not_found` for an id that no kept refusal has. */
  explainRequest(id: string): Explanation;
  proxies(): readonly ProxyStatus[];
  /** What that proxy was sent; undefined where nothing was. Absent: nobody keeps it. */
  sentTo?(node: string): SentToProxy | undefined;
  /** What a proxy's own counters told; undefined where they are not reported. */
  crossChecked?(node: string): CrossChecked | undefined;
  /** Where the trust bundle is published. Absent: nowhere. */
  publishers?(): readonly PublisherAnswer[];
  traffic(): readonly TrafficCount[];
  /** That failed, of any service. Absent: nobody keeps them. */
  handshakes?(): readonly FailedHandshakes[];
  readonly tokens: JoinTokens;
  readonly hosts: HostsAdmin;
  /** Issued and not yet expired. */
  certificates(): readonly IssuedCertificate[] | Promise<readonly IssuedCertificate[]>;
  /** Renews pushed certificates now: those of one identity, or all. Answers how many. */
  rotate(spiffeId?: SpiffeId): number | Promise<number>;
  /** Prometheus text. */
  metrics(): Promise<string>;
  ready(): { readonly ready: boolean; readonly reasons: readonly string[] };
  resolveService(ref: string): SpiffeId | undefined;
  status(): ControlStatus;
  /** An operator is served now, until what it answers is called. Absent: nobody gives way. */
  readonly claim?: () => () => void;
  readonly log: Log;
  /** Of the data folder: may do everything. */
  readonly token: Redacted<string>;
  readonly namedTokens: NamedTokens;
  readonly clock: Clock;
}
