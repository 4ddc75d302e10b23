// Both ends of HTTP/2 by hand: an application that answers each call as a plan says, in bytes that no library would send, and a
// caller who sends such on one connection and tells what became of each stream.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { ack, endHeaders, endStream, frameReader, frameType, headerBlock, http2Frame, preface } from './raw-http2.ts';

export type RawAnswer = (socket: Socket, stream: number) => void;

export interface RawApplication {
  readonly address: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** `answer`: to the next call. */
export async function startRawApplication(answer: () => RawAnswer): Promise<RawApplication> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.write(http2Frame(frameType.settings, 0, 0));
    let left = preface.length;
    const read = frameReader(({ type, flags, stream, payload }) => {
      if (type === frameType.settings && (flags & ack) === 0) socket.write(http2Frame(frameType.settings, ack, 0));
      if (type === frameType.ping && (flags & ack) === 0) socket.write(http2Frame(frameType.ping, ack, 0, payload));
      if (type === frameType.headers) answer()(socket, stream);
    });
    socket.on('data', (data: Buffer) => {
      const rest = data.subarray(Math.min(left, data.length));
      left -= data.length - rest.length;
      read(rest);
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

export interface RawCaller {
  send(...frames: readonly Buffer[]): void;
  /** The first that is heard of a stream; 'closed' when the connection ends before. */
  heard(stream: number): Promise<'answer' | 'reset' | 'closed'>;
  /** Of an answer that is one of these; else undefined. */
  status(stream: number): Promise<string | undefined>;
  end(): void;
}

/** How HPACK writes a status: 200, 204, 404 and 500 are in its static table; 502 and 503 come as literals, with Huffman or without. */
const inStaticTable = new Map([
  [0x88, '200'],
  [0x89, '204'],
  [0x8d, '404'],
  [0x8e, '500'],
]);

export function callRaw(port: number): RawCaller {
  const socket = connect(port, '127.0.0.1');
  const heard = new Map<number, 'answer' | 'reset'>();
  const statuses = new Map<number, string | undefined>();
  const waiting = new Set<() => void>();
  let closed = false;
  const tell = (): void => {
    for (const look of waiting) look();
  };
  const read = frameReader(({ type, stream, flags, payload }) => {
    if (type === frameType.settings && (flags & ack) === 0) socket.write(http2Frame(frameType.settings, ack, 0));
    if (type === frameType.headers && !heard.has(stream)) {
      heard.set(stream, 'answer');
      statuses.set(stream, inStaticTable.get(payload[0] ?? 0));
    }
    if (type === frameType.reset && !heard.has(stream)) heard.set(stream, 'reset');
    tell();
  });
  socket.on('data', read);
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
    tell();
  });
  socket.write(Buffer.concat([preface, http2Frame(frameType.settings, 0, 0)]));
  const hear = (stream: number): Promise<'answer' | 'reset' | 'closed'> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing was heard of stream ${stream} within 5 s`)), 5000);
      const look = (): void => {
        const found = heard.get(stream) ?? (closed ? 'closed' : undefined);
        if (found === undefined) return;
        clearTimeout(timer);
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  return {
    send: (...frames) => void socket.write(Buffer.concat(frames)),
    heard: hear,
    async status(stream) {
      await hear(stream);
      return statuses.get(stream);
    },
    end: () => void socket.destroy(),
  };
}

export type Headers = readonly (readonly [name: string, value: string])[];

export function head(stream: number, headers: Headers, flags = endHeaders | endStream): Buffer {
  return http2Frame(frameType.headers, flags, stream, headerBlock(headers));
}

export function get(path: string, ...more: Headers): Headers {
  return [[':method', 'GET'], [':scheme', 'http'], [':path', path], [':authority', 'api'], ...more];
}
