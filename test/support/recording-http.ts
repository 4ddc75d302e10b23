// An HTTP/1.1 application that answers 200 to whatever reaches it, and keeps what that was.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

export interface RecordingHttp {
  readonly address: string;
  readonly port: number;
  /** What came since the last time it was asked. */
  take(): readonly SeenRequest[];
  stop(): Promise<void>;
}

export async function startRecordingHttp(): Promise<RecordingHttp> {
  let seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1');
    });
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      response.end('from the application');
    });
  });
  server.on('upgrade', (request, socket) => {
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: '(upgrade)' });
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    take() {
      const taken = seen;
      seen = [];
      return taken;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
