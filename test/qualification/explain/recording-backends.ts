// The applications behind the proxies: they note which request reached them, and take any path there is.
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** One that a probe of the health path may bring. */
export const numberHeader = 'user-agent';

export interface RecordingBackends {
  readonly http1: number;
  readonly http2: number;
  /** Numbers of the requests that came through. */
  readonly reached: Set<string>;
  stop(): Promise<void>;
}

export async function startRecordingBackends(): Promise<RecordingBackends> {
  const reached = new Set<string>();
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
  };
  // By hand: an HTTP library might refuse a path that the proxy let through.
  const http1 = createServer((socket) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const number = new RegExp(`^${numberHeader}: (\\d+)\r?$`, 'im').exec(text.slice(0, end))?.[1];
        if (number !== undefined) reached.add(number);
        text = text.slice(end + 4);
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      }
    });
  }).on('connection', track);
  const http2 = createHttp2Server().on('connection', track);
  http2.on('stream', (stream, headers) => {
    const number = headers[numberHeader];
    if (typeof number === 'string') reached.add(number);
    stream.on('error', () => undefined).resume();
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end();
  });
  return {
    http1: await listen(http1),
    http2: await listen(http2),
    reached,
    async stop() {
      const closed = [http1, http2].map((server) => new Promise((resolve) => server.close(resolve)));
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
