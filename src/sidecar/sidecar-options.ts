// The options of a sidecar.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { LogSink } from '../lib/log-sink.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { WorkloadApiOptions } from '../workload-api/workload-api.ts';
import type { EvidenceSource } from './attest/make-evidence.ts';
import type { XdsVariant } from './envoy/xds-variant.ts';
import type { StopSignals } from './stop-signals.ts';
import type { ObtainSvidDeps } from './svid/obtain-svid.ts';

export interface SidecarOptions {
  /** Identity APIs of the control planes that it may use, "host:port", separated by commas. */
  readonly identity: string;
  /** Their xDS servers, in the same order. */
  readonly xds: string;
  readonly token?: Redacted<string> | undefined;
  /** Other evidence of this host. */
  readonly evidence?: EvidenceSource | undefined;
  /** Contains the node key, the SVID and the instance; mode 0700. Exclusive: the caller holds its lock. */
  readonly dataDir: string;
  /** Where it listens for peers, "ip:port". For the port `default`. */
  readonly inbound?: string | undefined;
  /** Where the application listens, "ip:port" or "unix:<path>". For the port `default`. */
  readonly application?: string | undefined;
  /** The same for named ports. */
  readonly ports?: readonly { readonly name: string; readonly inbound?: string; readonly application?: string }[];
  /** Distinguishes the proxies of one service: a-z, 0-9, "-". Default random, kept in `dataDir`. */
  readonly instance?: string;
  /** How long it waits for a name that another proxy has (take-name.ts). */
  readonly nameWaitMs?: number;
  readonly envoyPath?: string;
  /** "ip:port" on loopback, or "unix:<path>". Default a socket in `dataDir`. */
  readonly admin?: string;
  readonly envoyArgs?: readonly string[];
  /** Envoy's worker threads. Default 1. */
  readonly concurrency?: number;
  /** Longest drain at the end. Default 10. */
  readonly drainSeconds?: number;
  /** It stays as long as the application's port is open, up to the drain's limit. */
  readonly drainUntilClosed?: boolean;
  readonly variant?: XdsVariant;
  /** Where the application, if it wants to, finds the Workload API; the default mode is 0o600. */
  readonly workloadApi?: Pick<WorkloadApiOptions, 'socket' | 'mode' | 'owner'>;
  readonly envoyLogLevel?: 'trace' | 'debug' | 'info' | 'warning' | 'error' | 'critical' | 'off';
  /** Where Envoy's own output goes. Default with the log. */
  readonly envoyWords?: Pick<LogSink, 'write'>;
  /** Throws if the identity is not the expected one, before Envoy runs. */
  readonly verify?: ObtainSvidDeps['verify'];
  /** For finding Envoy: PATH, ENVOY_BIN, ENVOY_SHA256. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly clock?: Clock;
  /** How often Envoy's counters are reported. Default 10,000. */
  readonly countersEveryMs?: number;
  /** When to end, at whatever stage it is. */
  readonly stopping?: Pick<StopSignals, 'drain' | 'now'>;
}
