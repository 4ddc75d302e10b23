// A gRPC application that looks at nothing but messages: every one that reached it is told, and answered with nothing.
import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  ack,
  endHeaders,
  endStream,
  frameReader,
  frameType,
  headerBlock,
  http2Frame,
  preface,
  settings,
  windowUpdate,
} from './raw-http2.ts';

export interface RawGrpcApplication {
  readonly port: number;
  stop(): Promise<void>;
}

const answer = headerBlock([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
const trailers = headerBlock([['grpc-status', '0']]);
const window = 1 << 24;

/** `received` gets the body of each request that was sent to its end. */
export async function startRawGrpcApplication(received: (body: Buffer) => void): Promise<RawGrpcApplication> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket
      .setNoDelay(true)
      .on('error', () => undefined)
      .on('close', () => sockets.delete(socket));
    socket.write(Buffer.concat([settings({ 3: 10_000, 4: window }), windowUpdate(0, window)]));
    const bodies = new Map<number, Buffer[]>();
    let unacknowledged = 0;
    let out: Buffer[] = [];
    const read = frameReader(({ type, flags, stream, payload }) => {
      if (type === frameType.settings && (flags & ack) === 0) out.push(http2Frame(frameType.settings, ack, 0));
      if (type === frameType.ping && (flags & ack) === 0) out.push(http2Frame(frameType.ping, ack, 0, payload));
      if (type === frameType.reset) bodies.delete(stream);
      if (type !== frameType.data && type !== frameType.headers) return;
      if (type === frameType.data) {
        bodies.set(stream, [...(bodies.get(stream) ?? []), Buffer.from(payload)]);
        unacknowledged += payload.length;
      }
      if ((flags & endStream) === 0) return;
      received(Buffer.concat(bodies.get(stream) ?? []));
      bodies.delete(stream);
      out.push(
        http2Frame(frameType.headers, endHeaders, stream, answer),
        http2Frame(frameType.headers, endHeaders | endStream, stream, trailers),
      );
    });
    let started = 0;
    socket.on('data', (chunk) => {
      const skipped = Math.min(chunk.length, preface.length - started);
      started += skipped;
      read(chunk.subarray(skipped));
      if (unacknowledged > window / 4) {
        out.push(windowUpdate(0, unacknowledged));
        unacknowledged = 0;
      }
      if (out.length > 0) socket.write(Buffer.concat(out));
      out = [];
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
