// Where connections to the admin API come in: a port of loopback and a socket, each with a bound of its own, so that whoever fills the
// port keeps nobody from the socket. The first byte tells TLS, by which the command line proves the token (proof.ts), from HTTP.
import type { Server as HttpServer } from 'node:http';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Redacted } from '../lib/redacted.ts';
import { proofKey, proofTls, provenIdentity } from './proof.ts';

export interface Entrance {
  /** Answers where it listens. */
  listen(options: ListenOptions): Promise<ReturnType<Server['address']>>;
  /** Whether the peer at the other end proved that it knows the token. */
  proven(socket: object): boolean;
  /** Open connections end, whatever they are in the middle of. */
  close(): Promise<void>;
}

export interface EntranceDeps {
  readonly http: HttpServer;
  readonly token: Redacted<string>;
  /** Somebody who is the socket's owner, or proved the token, connected; what it answers is called when he is gone. */
  readonly claim: () => () => void;
  /** Somebody tried to prove another token. */
  readonly failed: (address: string) => void;
}

/** At a time, on each of port and socket. */
const maxConnections = 128;
/** Until the first byte, and for the handshake. */
const helloMs = 10_000;
const tlsHandshake = 0x16;

export function createEntrance({ http, token, claim, failed }: EntranceDeps): Entrance {
  const proven = new WeakSet<object>();
  const servers: Server[] = [];
  const open = new Set<Socket>();
  const key = proofKey(token);
  const tls = createTlsServer({
    ...proofTls,
    handshakeTimeout: helloMs,
    pskCallback: (_socket, identity) => (identity === provenIdentity ? key : null),
  });
  tls.on('secureConnection', (socket) => {
    proven.add(socket);
    socket.once('close', claim());
    http.emit('connection', socket);
  });
  tls.on('tlsClientError', (reason, socket) => {
    if ('code' in reason && String(reason.code).includes('BAD_RECORD_MAC')) failed(socket.remoteAddress ?? '');
    socket.destroy();
  });
  // Injected connections are node:http's own to time out, once it takes itself to listen.
  http.emit('listening');

  const welcome = (socket: Socket): void => {
    const end = (): void => void socket.destroy();
    open.add(socket);
    socket.on('error', end);
    socket.once('close', () => open.delete(socket));
    socket.setTimeout(helloMs, end);
    socket.once('readable', () => {
      const first: Buffer | null = socket.read(1);
      if (first === null) return end();
      socket.off('error', end);
      socket.off('timeout', end);
      socket.setTimeout(0);
      socket.unshift(first);
      (first[0] === tlsHandshake ? tls : http).emit('connection', socket);
    });
  };

  return {
    async listen(options) {
      const server = createServer((socket) => {
        if ('path' in options) socket.once('close', claim());
        welcome(socket);
      });
      server.maxConnections = maxConnections;
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(options, () => {
          server.off('error', reject);
          resolve();
        });
      });
      servers.push(server);
      return server.address();
    },
    proven: (socket) => proven.has(socket),
    async close() {
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      for (const socket of open) socket.destroy();
      await Promise.all(closed);
    },
  };
}
