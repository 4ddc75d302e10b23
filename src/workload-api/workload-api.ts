// SPIFFE's Workload API for one identity, on a socket of its own.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { SocketPath } from '../lib/socket-path.ts';
import type { Watchable } from '../lib/watchable.ts';
import { type JwtSource, jwtMethods } from './jwt-methods.ts';
import type { Refusal } from './refusal.ts';
import { serveWorkloadApi, type WorkloadApi } from './serve-workload-api.ts';
import type { SocketOwner } from './socket-guard.ts';
import { workloadMethods } from './workload-methods.ts';
import type { WorkloadSvid } from './workload-svid.ts';
import { x509Methods } from './x509-methods.ts';

export interface WorkloadApiOptions {
  readonly socket: SocketPath;
  /** Of the socket. Default 0o600. */
  readonly mode?: number;
  /** Of the socket. Default: this user. */
  readonly owner?: SocketOwner;
  /** Who may open the socket is given it, with its key. */
  readonly svid: Watchable<WorkloadSvid>;
  readonly jwt: JwtSource;
  /** Default: nobody is ever refused. */
  readonly refusal?: Refusal;
  readonly clock: Clock;
  readonly log: Log;
}

export function createWorkloadApi(options: WorkloadApiOptions): Promise<WorkloadApi> {
  return serveWorkloadApi({
    ...options,
    methods: workloadMethods({ ...x509Methods(options), ...jwtMethods(options) }),
  });
}
