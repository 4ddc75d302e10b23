// SPIFFE's Workload API on a Unix socket. Who may open the socket has the identity: its owner and mode are all that decides.
import { createServer, type Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import type { GrpcMethods } from '../lib/grpc-call.ts';
import type { Log } from '../lib/log.ts';
import { formatSocketPath, type SocketPath } from '../lib/socket-path.ts';
import { createHttp2Transport } from '../xds/server/transport-http2.ts';
import { listenPrivately } from './listen-privately.ts';
import { checkSocketFolder, guardSocket, type SocketGuard, type SocketOwner } from './socket-guard.ts';

export interface ServeWorkloadApiOptions {
  readonly socket: SocketPath;
  /** Of the socket. Default 0o600: programs of the same user. */
  readonly mode?: number;
  /** Of the socket. Default: this user. */
  readonly owner?: SocketOwner;
  readonly methods: GrpcMethods;
  readonly clock: Clock;
  readonly log: Log;
}

export interface WorkloadApi {
  /** Removes the socket, and ends every call. */
  close(): Promise<void>;
}

const mostConnections = 256;
/** Programs keep one call open for as long as they live. */
const never = 2 ** 40;
/** How soon it is noticed that a socket was replaced: then nobody comes by this one. */
const lookMs = 10_000;

/**
 * Throws `failed_precondition` if something is at the path that is not a socket, or a socket on which somebody listens; or if its folder is
 * not safe.
 */
export async function serveWorkloadApi(options: ServeWorkloadApiOptions): Promise<WorkloadApi> {
  const { socket, mode = 0o600, owner, methods, clock, log } = options;
  const transport = createHttp2Transport({
    methods,
    messageBytes: 64 * 1024,
    ageMs: never,
    ageGraceMs: never,
    idleMs: 600_000,
    keepaliveMs: 60_000,
    keepaliveTimeoutMs: 30_000,
    calls: 64,
  });
  let guard: SocketGuard | undefined;
  let told: string | undefined;
  let cancel = (): void => {};
  /** False: its owner and mode do not say any more who comes by it. */
  const isSafe = (): boolean => {
    const wrong = guard?.wrong();
    if (wrong !== told && wrong !== undefined) {
      log.error(
        { socket: formatSocketPath(socket), reason: wrong },
        'the socket of the Workload API is not as it was set: nobody is answered there',
      );
    }
    told = wrong;
    return wrong === undefined;
  };
  const look = (): void => {
    cancel = clock.after(lookMs, () => {
      isSafe();
      look();
    });
  };
  const server = createServer((connection: Socket) => {
    // A program that ends in the midst of something: its connection is closed, which is all there is to do.
    connection.on('error', () => undefined);
    if (!isSafe()) return void connection.destroy();
    transport.take(connection, undefined, () => true);
  });
  server.maxConnections = mostConnections;
  checkSocketFolder(socket);
  await listenPrivately(server, socket);
  try {
    guard = guardSocket(socket, mode, owner);
  } catch (reason) {
    server.close();
    throw reason;
  }
  look();
  server.on('error', (reason) => log.error({ reason: reason.message }, 'the Workload API'));
  log.info({ socket: formatSocketPath(socket) }, 'the Workload API listens');
  return {
    close: () =>
      new Promise((resolve) => {
        cancel();
        server.close(() => resolve());
        transport.destroy();
      }),
  };
}
