// Two applications that send back what they get, for as long as the caller likes: HTTP/2 streams and TCP connections.
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { Context } from '../item.ts';

export async function startEchoes(defer: Context['defer']): Promise<{ readonly stream: number; readonly tcp: number }> {
  const streams: Server = createHttp2Server().on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  const tcp = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  const listen = async (server: Server): Promise<number> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    defer(() => void server.close());
    return (server.address() as AddressInfo).port;
  };
  return { stream: await listen(streams), tcp: await listen(tcp) };
}
