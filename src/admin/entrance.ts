// Where connections to the admin API come in: a loopback port and a socket, each with its own limit, so that filling the port does not
// block the socket. The first byte distinguishes TLS, by which the command line proves its token (proof.ts), from HTTP.
import type { Server as HttpServer } from 'node:http';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import type { Callers, Proof } from './callers.ts';
import { proofTls } from './proof.ts';

export interface Entrance {
  /** Returns where it listens. */
  listen(options: ListenOptions): Promise<ReturnType<Server['address']>>;
  /** What the peer at the other end proved in the handshake. */
  proven(socket: object): Proof | undefined;
  /** Open connections are closed, whatever state they are in. */
  close(): Promise<void>;
}

export interface EntranceDeps {
  readonly http: HttpServer;
  readonly callers: Callers;
  /** The socket's owner, or somebody who proved a token, connected; the returned function is called when they are gone. */
  readonly claim: () => () => void;
  /** Somebody claimed that they would prove the key of that identity, and did not. */
  readonly failed: (address: string, identity: string) => void;
}

/** At the same time, on each of port and socket. */
const maxConnections = 128;
/** Until the first byte, and for the handshake. */
const helloMs = 10_000;
/** For a store that is asked which tokens exist. */
const readyMs = 500;
const tlsHandshake = 0x16;

/** Serves no request itself: connections are handed to `http`. */
export function createEntrance({ http, callers, claim, failed }: EntranceDeps): Entrance {
  const [tried, proven] = [new WeakMap<object, Proof>(), new WeakMap<object, Proof>()];
  const servers: Server[] = [];
  const open = new Set<Socket>();
  const tls = createTlsServer({
    ...proofTls,
    handshakeTimeout: helloMs,
    pskCallback(socket, identity) {
      const key = callers.keyOf(identity);
      tried.set(socket, { identity, key });
      return key;
    },
  });
  tls.on('secureConnection', (socket) => {
    const proof = tried.get(socket);
    if (proof === undefined) return void socket.destroy();
    proven.set(socket, proof);
    socket.once('close', claim());
    http.emit('connection', socket);
  });
  tls.on('tlsClientError', (reason, socket) => {
    const proof = tried.get(socket);
    if (proof !== undefined && 'code' in reason && String(reason.code).includes('BAD_RECORD_MAC')) {
      failed(socket.remoteAddress ?? 'localhost', proof.identity);
    }
    socket.destroy();
  });
  // Injected connections are timed out by node:http itself, once it believes that it is listening.
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
      const pass = (): void => {
        if (socket.destroyed) return;
        socket.off('error', end);
        socket.off('timeout', end);
        socket.setTimeout(0);
        socket.unshift(first);
        (first[0] === tlsHandshake ? tls : http).emit('connection', socket);
      };
      const ready = first[0] === tlsHandshake ? callers.ready() : undefined;
      if (ready === undefined) return pass();
      void Promise.race([ready, wait(readyMs, undefined, { ref: false })]).then(pass);
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
    proven: (socket) => proven.get(socket),
    async close() {
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      for (const socket of open) socket.destroy();
      await Promise.all(closed);
    },
  };
}
