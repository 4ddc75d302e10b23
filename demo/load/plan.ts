// What the load process is told to do, and what it reports: the messages over IPC.
import type { TlsMaterial } from '../wire/tls.ts';

export type LoadProtocol = 'http1' | 'http2' | 'grpc' | 'tcp';

export interface LanePlan {
  readonly protocol: LoadProtocol;
  /** Half of the requests: in plaintext through the caller's own sidecar, on connections that are kept. */
  readonly kept: { readonly address: string; readonly caller: string };
  /** The other half: each on a new mTLS connection to the server's sidecar. */
  readonly fresh: {
    readonly address: string;
    readonly caller: string;
    /** SPIFFE ID of the server. */
    readonly expect: string;
    readonly material: TlsMaterial;
  };
}

export interface LoadPlan {
  readonly lanes: readonly LanePlan[];
  /** Pairs (one kept, one new) under way at a time, a lane. */
  readonly concurrency: number;
  /** Between two pairs of one worker. */
  readonly pauseMs: number;
}

export interface LaneCounts {
  readonly protocol: LoadProtocol;
  readonly sent: number;
  readonly failed: number;
  /** Of `sent`: those on a new connection. */
  readonly onNewConnections: number;
  /** Kept connections that had to be opened again. */
  readonly reopened: number;
  /** Of the server's certificates, in the order in which they were first seen. */
  readonly serials: readonly string[];
  /** Longest time between two answers, milliseconds. */
  readonly longestGapMs: number;
  /** The first few failures, in words. */
  readonly failures: readonly string[];
}

/** To the load process. */
export type LoadCommand =
  | { readonly kind: 'start'; readonly plan: LoadPlan }
  /** New certificates for the lanes, in the order of the plan. */
  | { readonly kind: 'renew'; readonly materials: readonly TlsMaterial[] }
  | { readonly kind: 'stop' };

/** From the load process: while it runs, and once more when everything under way has ended. */
export interface LoadReport {
  readonly kind: 'progress' | 'stopped';
  readonly lanes: readonly LaneCounts[];
}
