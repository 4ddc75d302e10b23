// Stand-in applications that tell what reached them: HTTP/1.1 and HTTP/2 answer with the request as JSON, TCP with a greeting
// and an echo.
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';

export interface EchoApplication {
  readonly address: string;
  readonly port: number;
  stop(): Promise<void>;
}

export interface EchoedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export function startHttp1Echo(): Promise<EchoApplication> {
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ method, url, headers }));
  });
  return listen(server, () => server.closeAllConnections());
}

export function startHttp2Echo(): Promise<EchoApplication> {
  const server = createHttp2Server((request, response) => {
    const { method, url, headers } = request;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ method, url, headers }));
  });
  return listen(server, () => undefined);
}

export function startTcpEcho(): Promise<EchoApplication> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  return listen(server, () => undefined);
}

/** Greets before it is spoken to, as some databases and mail servers do. */
export function startGreetingTcpEcho(): Promise<EchoApplication> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('hello\n');
    socket.pipe(socket);
  });
  return listen(server, () => undefined);
}

async function listen(server: Server, closeAll: () => void): Promise<EchoApplication> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        closeAll();
      }),
  };
}
