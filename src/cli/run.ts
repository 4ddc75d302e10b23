// The commands that need more than the command line may import: main.ts provides them, loading each when it is called.

import type { LogLevel } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { Json } from '../lib/table.ts';

/** A name or address, and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** An IP address and a port; 0 stands for a free one. */
export interface IpPort {
  readonly address: string;
  readonly port: number;
}

export interface ServeOptions {
  readonly store:
    | { readonly kind: 'directory'; readonly documents: string }
    | { readonly kind: 'redis'; readonly url: Redacted<string> }
    | { readonly kind: 'memory'; readonly documents?: string };
  readonly data: string;
  readonly xds: HostPort;
  readonly identity: HostPort;
  readonly admin: HostPort;
  readonly logLevel: LogLevel;
}

/** What a started control plane says of itself. */
export interface ServeStarted {
  readonly xds: HostPort;
  readonly identity: HostPort;
  readonly admin: HostPort;
  readonly trustDomain?: string;
  readonly revision?: number;
  readonly services: number;
  readonly adminTokenFile: string;
}

/** Whose identity is wanted: a service by its reference, or a SPIFFE ID. */
export type WantedIdentity =
  | { readonly kind: 'service'; readonly ref: string }
  | { readonly kind: 'spiffe-id'; readonly id: string };

export interface EnrolOptions {
  readonly wanted: WantedIdentity;
  /** A join token; asked for only when `data` holds no identity that can be renewed. */
  readonly token: () => Promise<Redacted<string>>;
  readonly identityServer: HostPort;
  readonly logLevel: LogLevel;
}

export interface BootstrapOptions {
  readonly wanted: WantedIdentity;
  readonly xdsServer: HostPort;
  readonly data: string;
  readonly listen: IpPort;
  readonly application?: IpPort;
  readonly instance?: string;
  readonly xdsVariant: 'delta' | 'sotw';
  readonly envoyAdmin?: IpPort;
}

export interface SidecarOptions extends EnrolOptions, BootstrapOptions {
  readonly envoy?: string;
  readonly drainSeconds: number;
}

export interface FetchSvidOptions extends EnrolOptions {
  readonly directory: string;
}

export interface FetchedSvid {
  readonly spiffeId: string;
  readonly serial: string;
  /** Epoch milliseconds. */
  readonly notAfter: number;
  readonly files: readonly string[];
}

export interface CliRun {
  /** Ends when the process is told to stop. Answers the exit code. */
  serve(options: ServeOptions, started: (info: ServeStarted) => void): Promise<0 | 1>;
  /** Ends with Envoy, or when told to stop. Answers the exit code. */
  sidecar(options: SidecarOptions): Promise<0 | 1>;
  fetchSvid(options: FetchSvidOptions): Promise<FetchedSvid>;
  /** Envoy's bootstrap, as the sidecar would write it. */
  bootstrap(options: BootstrapOptions): Promise<Json>;
}
