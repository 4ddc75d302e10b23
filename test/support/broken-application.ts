// Applications that answer as no application should, each in the way that the path of the request names; over HTTP/1.1 and gRPC.
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface BrokenApplication {
  readonly port: number;
  stop(): void;
}

const many = Array.from({ length: 1100 }, (_, at) => `x-${at}: 1\r\n`).join('');

/** By path; any other path gets no answer at all. */
const answers: Readonly<Record<string, (socket: Socket) => void>> = {
  '/fine': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'),
  '/own-503': (socket) => socket.end('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
  '/twice': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok'),
  '/both': (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
  '/nothing-chunked': (socket) => socket.end('HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
  '/garbage': (socket) => socket.end('hello\r\n\r\n'),
  '/headers': (socket) => socket.end(`HTTP/1.1 200 OK\r\n${many}Content-Length: 0\r\n\r\n`),
  '/closes': (socket) => socket.end(),
  '/resets': (socket) => socket.resetAndDestroy(),
  '/half': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
    setImmediate(() => socket.end());
  },
  '/bad-chunk': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n');
    setImmediate(() => socket.write('zz\r\n'));
  },
};

export function startBrokenApplication(): Promise<BrokenApplication> {
  return listen(
    createServer((socket) => {
      socket
        .on('error', () => undefined)
        .on('data', (bytes) => {
          const path = /^\S+ ([^ ?]+)/.exec(bytes.toString('latin1'))?.[1] ?? '';
          answers[path]?.(socket);
        });
    }),
  );
}

/** `/pkg.S/Ends` ends the connection, `/pkg.S/Refuses` refuses the stream, any other method resets it. */
export function startBrokenGrpc(): Promise<BrokenApplication> {
  return listen(
    createHttp2Server().on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      if (headers[':path'] === '/pkg.S/Ends') stream.session?.destroy();
      else stream.close(headers[':path'] === '/pkg.S/Refuses' ? 7 : 2);
    }),
  );
}

async function listen(server: Pick<Server, 'listen' | 'address' | 'close'>): Promise<BrokenApplication> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', () => resolve()));
  return { port: (server.address() as AddressInfo).port, stop: () => void server.close() };
}
