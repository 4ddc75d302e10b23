// The commands that need more than a look at files and the admin API: main.ts provides them, each loaded when it is called.
import type { HostPort, IpPort } from '../lib/host-port.ts';
import type { LogLevel } from '../lib/log.ts';
import type { NamedValues } from '../lib/named-options.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { SocketPath } from '../lib/socket-path.ts';
import type { Json } from '../lib/table.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { Moved, MoveOptions } from '../serve/move-store.ts';
import type { ServeOptions, ServeStarted } from '../serve/serve-options.ts';
import type { XdsVariant } from '../sidecar/envoy/xds-variant.ts';

export type ApplicationAddress = IpPort | SocketPath;

/** Whose identity is wanted: a service by its reference, or a SPIFFE ID. */
export type WantedIdentity =
  | { readonly kind: 'service'; readonly ref: string }
  | { readonly kind: 'spiffe-id'; readonly id: string };

/** As `--attest` and its options name it. */
export interface AttestOptions {
  readonly attestor: string;
  readonly options: NamedValues;
  /** PEM file of the roots. */
  readonly trustBundle: string;
}

export interface EnrolOptions {
  readonly wanted: WantedIdentity;
  /**
   * The join token that was given; else, if one is `needed` (there is no identity to renew), one made through the admin API
   * of this host.
   */
  readonly token: (needed: boolean) => Promise<Redacted<string> | undefined>;
  /** Evidence of this host in place of a token. */
  readonly attest?: AttestOptions;
  /** Identity APIs of the control planes that it may use. Never empty. */
  readonly identityServers: readonly HostPort[];
  readonly logLevel: LogLevel;
}

/** One port of the service that the proxy stands before. */
export interface PortOptions {
  /** As in the Service's document. */
  readonly name: string;
  readonly listen: IpPort;
  /** Absent: where the documents say. */
  readonly application?: ApplicationAddress;
}

/** What an Envoy's bootstrap says. */
export interface ProxyOptions {
  /** Their xDS servers, in the same order. */
  readonly xdsServers: readonly HostPort[];
  /** Where callers reach the proxy; none for a pure client. */
  readonly ports: readonly PortOptions[];
  readonly instance?: string;
  readonly xdsVariant: XdsVariant;
  /** Envoy's admin interface: `ip:port` on loopback, or `unix:<path>`. */
  readonly envoyAdmin?: string;
}

export interface SidecarOptions extends EnrolOptions, ProxyOptions {
  /** Its keys and state. */
  readonly data: string;
  readonly envoy?: string;
  readonly drainSeconds: number;
  /** While the application's port is open, it stays. */
  readonly drainUntilClosed: boolean;
  /** Envoy's worker threads. */
  readonly concurrency: number;
  readonly workloadApi?: WorkloadApiOptions;
}

export interface FetchSvidOptions extends EnrolOptions {
  readonly directory: string;
}

/** A socket on which SPIFFE's Workload API is served. */
export interface WorkloadApiOptions {
  readonly socket: SocketPath;
  readonly mode: number;
  /** Default: this user. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export interface KeepSvidOptions extends FetchSvidOptions {
  /** For the shell, after each renewal. */
  readonly onRenew?: string;
  readonly workloadApi?: WorkloadApiOptions;
}

export interface ExchangeSvidOptions {
  /** Of a CI job. */
  readonly token: Redacted<string>;
  /** For whom it must be. */
  readonly audience?: string;
  /** PEM of the roots of the trust domain. */
  readonly roots: string;
  readonly directory: string;
  /** A JWT-SVID for these, too. */
  readonly jwtAudience: readonly string[];
  readonly identityServers: readonly HostPort[];
  readonly logLevel: LogLevel;
}

export interface ServeRunnerOptions extends FetchSvidOptions {
  /** Where its jobs have their sockets. */
  readonly runDir: string;
  /** How jobs are kept apart: by a user for each, from this range; or by containers. */
  readonly separation:
    | { readonly kind: 'users'; readonly from: number; readonly to: number }
    | { readonly kind: 'containers'; readonly owner?: NonNullable<WorkloadApiOptions['owner']> };
}

/** A job, as GitLab told its runner. */
export interface JobOptions {
  readonly runDir: string;
  /** Digits. */
  readonly job: string;
  readonly project: string;
  /** Its id_token. */
  readonly token?: Redacted<string>;
}

export interface OpenedJob {
  /** Its user, if it has one of its own. */
  readonly user?: number;
  /** Absent: it has no identity. */
  readonly socket?: SocketPath;
  readonly spiffeId?: string;
  /** Why it has none. */
  readonly reason?: string;
}

export interface FetchedSvid {
  readonly spiffeId: string;
  /** Epoch milliseconds. */
  readonly notAfter: number;
  readonly files: readonly string[];
}

export interface BootstrapOptions extends ProxyOptions {
  /** Where `svid fetch` keeps the certificate of Envoy's xDS connection. */
  readonly directory: string;
}

export interface InspectOptions {
  readonly documents: readonly ParsedDocument[];
  readonly mesh: MeshIr;
  /** As `serve` was told. */
  readonly allowProxyCode?: true;
  /** Ask the real Envoy about each service. */
  readonly askEnvoy: boolean;
}

export interface Inspection {
  readonly problems: readonly Problem[];
  /** Services whose configuration a real Envoy was asked about. */
  readonly asked: number;
}

export interface CliRun {
  /** Ends when the process is told to stop. Answers the exit code. */
  serve(options: ServeOptions, started: (info: ServeStarted) => void): Promise<0 | 1>;
  /** Ends with Envoy, or when told to stop. Answers the exit code. */
  sidecar(options: SidecarOptions): Promise<0 | 1>;
  /** Problems of raw resources, which only Envoy's schema can tell; and, if wanted, what the real Envoy says of each service. */
  inspect(options: InspectOptions): Promise<Inspection>;
  fetchSvid(options: FetchSvidOptions): Promise<FetchedSvid>;
  /** A job's token for an SVID. */
  exchangeSvid(options: ExchangeSvidOptions): Promise<FetchedSvid>;
  /** Fetches, and renews until it is told to stop. `started` is told of the first one. Answers the exit code. */
  keepSvid(options: KeepSvidOptions, started: (svid: FetchedSvid) => void): Promise<0>;
  /** Holds the identity of a runner, and gives each of its jobs the job's, until it is told to stop. `started`: it takes jobs. */
  serveRunner(options: ServeRunnerOptions, started: (svid: FetchedSvid) => void): Promise<0>;
  /** Has the process of `serveRunner` take a job. */
  openJob(options: JobOptions): Promise<OpenedJob>;
  /** `keepUser`: until it is closed once more. False if there was no such job. */
  closeJob(options: Pick<JobOptions, 'runDir' | 'job'> & { readonly keepUser: boolean }): Promise<boolean>;
  /** Moves what a store holds to another one, or to a file and back. */
  moveStore(options: MoveOptions): Promise<Moved>;
  /** Envoy's bootstrap, as the sidecar would write it. */
  bootstrap(options: BootstrapOptions): Promise<Json>;
}
