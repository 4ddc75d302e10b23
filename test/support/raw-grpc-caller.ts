// A caller with one HTTP/2 connection of its own making: it says when the headers of a call go, and when which part of its message.
import { connect } from 'node:tls';
import {
  ack,
  endHeaders,
  endStream,
  type Frame,
  frameReader,
  frameType,
  headerBlock,
  http2Frame,
  preface,
  settings,
  windowUpdate,
} from './raw-http2.ts';
import type { TestCertificate } from './test-ca.ts';

/** `refused`: by the wall, with the status 7 of gRPC. `lost`: never answered, as the connection ended or the stream was reset. */
export type Answer = 'passed' | 'refused' | 'lost' | 'other';

export interface RawGrpcCaller {
  /** Sends the headers; undefined where the connection takes no more calls. */
  open(method: string): number | undefined;
  send(stream: number, bytes: Buffer, last: boolean): void;
  /** Once for each stream. */
  answer(stream: number): Promise<Answer>;
  readonly usable: boolean;
  close(): void;
}

/** `grpc-status: 7` as Envoy writes it to a peer without a header table: the name in Huffman's code, the value as it is. */
const permissionDenied = Buffer.from('889acac8b21234da8f0137', 'hex');

export async function startRawGrpcCaller(port: number, svid: TestCertificate): Promise<RawGrpcCaller> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    cert: svid.certificate,
    key: svid.key,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
  });
  socket.setNoDelay(true);
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const waiting = new Map<number, (answer: Answer) => void>();
  const answered = new Map<number, Answer>();
  const begun = new Set<number>();
  const blocks = new Map<string, Buffer>();
  let next = 1;
  let usable = true;
  let credit = 65_535;
  const queued: { readonly frame: Buffer; readonly cost: number }[] = [];
  let out: Buffer[] = [];
  const flush = (): void => {
    if (out.length > 0 && socket.writable)
      socket.write(out.length === 1 ? (out[0] ?? Buffer.alloc(0)) : Buffer.concat(out));
    out = [];
  };
  const write = (frame: Buffer, cost = 0): void => {
    if (out.length === 0) setImmediate(flush);
    if (cost > credit || queued.length > 0) {
      queued.push({ frame, cost });
      return;
    }
    credit -= cost;
    out.push(frame);
  };
  const settle = (stream: number, answer: Answer): void => {
    begun.delete(stream);
    const resolve = waiting.get(stream);
    waiting.delete(stream);
    if (resolve === undefined) answered.set(stream, answer);
    else resolve(answer);
  };
  const end = (): void => {
    usable = false;
    for (const stream of [...waiting.keys()]) settle(stream, 'lost');
  };
  socket.on('error', end).on('close', end);
  write(Buffer.concat([preface, settings({ 1: 0, 2: 0, 4: 1 << 24 }), windowUpdate(0, 1 << 24)]));
  socket.on(
    'data',
    frameReader(({ type, flags, stream, payload }: Frame) => {
      if (type === frameType.settings && (flags & ack) === 0) write(http2Frame(frameType.settings, ack, 0));
      else if (type === frameType.ping && (flags & ack) === 0) write(http2Frame(frameType.ping, ack, 0, payload));
      else if (type === frameType.goaway) usable = false;
      else if (type === frameType.reset) settle(stream, 'lost');
      else if (type === frameType.windowUpdate && stream === 0) {
        credit += payload.readUInt32BE();
        for (let first = queued[0]; first !== undefined && first.cost <= credit; first = queued[0]) {
          queued.shift();
          credit -= first.cost;
          if (out.length === 0) setImmediate(flush);
          out.push(first.frame);
        }
      } else if (type === frameType.headers) {
        if ((flags & endStream) === 0) begun.add(stream);
        // The application answers with headers and trailers; the wall with one block of both.
        else if (begun.has(stream)) settle(stream, 'passed');
        else settle(stream, payload.includes(permissionDenied) ? 'refused' : 'other');
      }
    }),
  );
  return {
    open(method) {
      if (!usable) return undefined;
      let block = blocks.get(method);
      if (block === undefined) {
        block = headerBlock([
          [':method', 'POST'],
          [':scheme', 'https'],
          [':path', `/${method}`],
          [':authority', 'claims'],
          ['content-type', 'application/grpc'],
          ['te', 'trailers'],
        ]);
        blocks.set(method, block);
      }
      const stream = next;
      next += 2;
      write(http2Frame(frameType.headers, endHeaders, stream, block));
      return stream;
    },
    send(stream, bytes, last) {
      write(http2Frame(frameType.data, last ? endStream : 0, stream, bytes), bytes.length);
    },
    answer(stream) {
      const known = answered.get(stream);
      answered.delete(stream);
      if (known !== undefined) return Promise.resolve(known);
      if (!socket.writable) return Promise.resolve('lost');
      return new Promise((resolve) => waiting.set(stream, resolve));
    },
    get usable() {
      return usable;
    },
    close() {
      socket.destroy();
    },
  };
}
