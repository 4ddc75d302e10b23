// SPIFFE's Workload API on a Unix socket. Who may open the socket has the identity: its owner and mode are all that decides.
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { CellwallError } from '../lib/errors.ts';
import type { GrpcMethods } from '../lib/grpc-call.ts';
import type { Log } from '../lib/log.ts';
import { formatSocketPath, type SocketPath } from '../lib/socket-path.ts';
import { createHttp2Transport } from '../xds/server/transport-http2.ts';

export interface ServeWorkloadApiOptions {
  readonly socket: SocketPath;
  /** Of the socket. Default 0o600: programs of the same user. */
  readonly mode?: number;
  readonly methods: GrpcMethods;
  readonly log: Log;
}

export interface WorkloadApi {
  /** Removes the socket, and ends every call. */
  close(): Promise<void>;
}

const mostConnections = 256;
/** Programs keep one call open for as long as they live. */
const never = 2 ** 40;

/** Throws `failed_precondition` if something is at the path that is not a socket, or a socket on which somebody listens. */
export async function serveWorkloadApi(options: ServeWorkloadApiOptions): Promise<WorkloadApi> {
  const { socket, mode = 0o600, methods, log } = options;
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
  const server = createServer((connection: Socket) => {
    // A program that ends in the midst of something: its connection is closed, which is all there is to do.
    connection.on('error', () => undefined);
    transport.take(connection, undefined, () => true);
  });
  server.maxConnections = mostConnections;
  await listen(server, socket, mode);
  server.on('error', (reason) => log.error({ reason: reason.message }, 'the Workload API'));
  log.info({ socket: formatSocketPath(socket) }, 'the Workload API listens');
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        transport.destroy();
      }),
  };
}

async function listen(server: Server, { path }: SocketPath, mode: number): Promise<void> {
  await clear(path);
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', resolve);
  });
  // It is created within this call, and must never be open to more than it shall be.
  const umask = process.umask(0o777 & ~mode);
  try {
    server.listen(path);
  } finally {
    process.umask(umask);
  }
  try {
    await listening;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refused(
      path,
      `cannot listen there: ${reason}`,
      'its folder must exist, and this user must be able to write to it',
    );
  }
  // The umask says what it must not have; this, what it has.
  chmodSync(path, mode);
}

/** Removes what a killed process left behind. */
async function clear(path: string): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return;
  if (!there.isSocket()) throw refused(path, 'it is not a socket', `move ${path} away, or choose another path`);
  if (await answers(path)) throw refused(path, 'a program listens there', 'stop it, or choose another path');
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const tried = connect(path);
    tried.once('connect', () => {
      tried.destroy();
      resolve(true);
    });
    tried.once('error', () => resolve(false));
  });
}

function refused(path: string, why: string, hint: string): CellwallError {
  return new CellwallError('failed_precondition', `the socket ${path} of the Workload API: ${why}`, { hint });
}
