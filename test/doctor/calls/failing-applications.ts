// Applications, and what listens in the place of sidecars, for calls that fail: each answers by the path that is asked for, or not at all.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

const answers: Readonly<Record<string, (socket: Socket) => void>> = {
  '/closes': (socket) => socket.end(),
  '/resets': (socket) => socket.resetAndDestroy(),
  '/twice': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok'),
  '/both': (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
  '/nothing-chunked': (socket) => socket.end('HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
  '/garbage': (socket) => socket.end('hello\r\n\r\n'),
  '/headers': (socket) =>
    socket.end(
      `HTTP/1.1 200 OK\r\n${Array.from({ length: 1100 }, (_, at) => `x-${at}: 1\r\n`).join('')}Content-Length: 0\r\n\r\n`,
    ),
  '/half': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
    setImmediate(() => socket.end());
  },
  '/bad-chunk': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n');
    setImmediate(() => socket.write('zz\r\n'));
  },
  // Never.
  '/slow': () => undefined,
};
const fine = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok';

export interface Listening {
  readonly port: number;
  stop(): void;
}

/** Answers 200 for every other path. */
export function failingApplication(host = '127.0.0.1'): Promise<Listening> {
  return listen(
    createServer((socket) => {
      socket
        .on('error', () => undefined)
        .on('data', (bytes) => {
          const path = /^\S+ ([^ ?]+)/.exec(bytes.toString('latin1'))?.[1] ?? '';
          const answer = answers[path];
          if (answer === undefined) socket.end(fine);
          else answer(socket);
        });
    }),
    host,
  );
}

/** Takes connections, and does this with them. */
export function listenerThat(handle: (socket: Socket) => void): Promise<Listening> {
  return listen(
    createServer((socket) => {
      socket.on('error', () => undefined);
      handle(socket);
    }),
  );
}

/** TLS with that certificate, in the place of a sidecar. */
export function tlsListener({
  certificate,
  key,
}: {
  readonly certificate: string;
  readonly key: string;
}): Promise<Listening> {
  const server = createTlsServer({ cert: certificate, key, ALPNProtocols: ['http/1.1', 'h2'] }, (socket) => {
    socket.on('error', () => undefined).end(fine);
  });
  server.on('tlsClientError', () => undefined);
  return listen(server);
}

async function listen(server: Server, host = '127.0.0.1'): Promise<Listening> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
