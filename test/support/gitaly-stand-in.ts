// A stand-in for Gitaly, which speaks two protocols on one port: gRPC, and behind the 11 bytes "backchannel" its sidechannel, of which
// one stream of Yamux is answered (https://github.com/hashicorp/yamux/blob/master/spec.md): what comes in it goes back.
import { createServer as createHttp2 } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { echoYamux, magic, yamuxData } from '../../demo/services/sidechannel.ts';

export interface Gitaly {
  readonly address: string;
  readonly port: number;
  stop(): Promise<void>;
}

const headerBytes = 12;

export async function startGitalyStandIn(): Promise<Gitaly> {
  const sockets = new Set<Socket>();
  const grpc = createHttp2();
  grpc.on('stream', (stream, headers) => {
    stream.resume();
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () =>
        stream.sendTrailers({ 'grpc-status': '0', 'x-method': String(headers[':path']) }),
      );
      stream.end(Buffer.from([0, 0, 0, 0, 0]));
    });
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.once('readable', () => {
      const first: unknown = socket.read();
      if (!Buffer.isBuffer(first)) return;
      if (first.subarray(0, magic.length).equals(magic)) echoYamux(socket, first.subarray(magic.length));
      else {
        socket.unshift(first);
        grpc.emit('connection', socket);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** What comes back of one sidechannel's stream; `closed` if the connection ends first. Rejects on silence. */
export function askSidechannel(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let heard = Buffer.alloc(0);
    socket.setTimeout(5000, () => {
      socket.destroy();
      reject(new Error('neither an answer nor a close within 5 s'));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve('closed'));
    socket.on('data', (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]);
      if (heard.length < headerBytes + Buffer.byteLength(text)) return;
      resolve(heard.subarray(headerBytes).toString());
      socket.destroy();
    });
    socket.write(Buffer.concat([magic, yamuxData(1, text)]));
  });
}
