// Our own HTTP/2 against Node's: what the one says, the other understands, however it is packed, cut and held back.
import { connect, constants } from 'node:http2';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { createConnection } from '../../src/xds/server/http2/connection.ts';
import { ConnectionFault, dataFrames, flag, mostPayload } from '../../src/xds/server/http2/frames.ts';
import { createHeaderReader, headerBlock } from '../../src/xds/server/http2/headers.ts';
import { decodeHuffman } from '../../src/xds/server/http2/huffman.ts';
import type { Http2Stream, StreamHandler } from '../../src/xds/server/http2/stream.ts';
import { ack, endHeaders, frameReader, frameType, http2Frame, preface, settings } from '../support/raw-http2.ts';

type Open = (stream: Http2Stream, headers: ReadonlyMap<string, string> | undefined) => StreamHandler | undefined;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

/** Answers the port. */
async function listen(open: Open): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    const now = (): number => performance.now();
    createConnection({ socket, open, now, admit: () => true, most: 256, framed: dataFrames });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const ok = headerBlock([[':status', '200']]);
const request: readonly (readonly [string, string])[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'x'],
];
const silent: StreamHandler = { data: () => undefined, ended: () => undefined, closed: () => undefined };
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('headers', () => {
  // RFC 7541, C.4: three requests, squeezed, with the table that each leaves to the next.
  test('the examples of the standard', () => {
    const reader = createHeaderReader();
    const common = { ':method': 'GET', ':scheme': 'http', ':authority': 'www.example.com' };
    const read = (block: string) => Object.fromEntries(reader.read(hex(block)).values ?? []);
    expect(read('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff')).toEqual({ ...common, ':path': '/' });
    expect(read('8286 84be 5886 a8eb 1064 9cbf')).toEqual({ ...common, ':path': '/', 'cache-control': 'no-cache' });
    expect(read('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf')).toEqual({
      ...{ ':method': 'GET', ':scheme': 'https', ':path': '/index.html', ':authority': 'www.example.com' },
      'custom-key': 'custom-value',
    });
  });

  test('what Node says is what is read, one request after another on a connection', async () => {
    const heard: (ReadonlyMap<string, string> | undefined)[] = [];
    const port = await listen((stream, headers) => {
      heard.push(headers);
      stream.end(ok);
      return undefined;
    });
    const name = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-_'), minLength: 1 });
    const value = fc.string({ unit: 'binary-ascii', maxLength: 200 }).map((text) => text.replace(/[^\x21-\x7e]/g, '~'));
    const list = fc.array(fc.tuple(name, value), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.array(list, { minLength: 1, maxLength: 8 }), async (requests) => {
        const client = connect(`http://127.0.0.1:${port}`);
        for (const entries of requests) {
          // Names that mean something to Node are not its to send.
          const sent = Object.fromEntries(entries.map(([key, text]) => [`x-${key}`, text]));
          const stream = client.request({ ':method': 'POST', ...sent });
          await new Promise<void>((resolve, reject) => {
            stream.once('response', () => resolve()).once('error', reject);
          });
          stream.close();
          expect(Object.fromEntries(heard.at(-1) ?? [])).toMatchObject(sent);
        }
        client.destroy();
      }),
      { numRuns: 40 },
    );
  });

  test('what is written reads back', () => {
    const text = fc.string({ unit: 'binary-ascii', maxLength: 600 });
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(text, text), { selector: ([key]) => key, maxLength: 10 }), (list) => {
        expect([...(createHeaderReader().read(headerBlock(list)).values ?? [])]).toEqual(list);
      }),
    );
  });

  test('any bytes are headers, or end the connection', () => {
    const reader = createHeaderReader();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          reader.read(Buffer.from(bytes));
        } catch (reason) {
          expect(reason).toBeInstanceOf(ConnectionFault);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ['an end within a string', 'ffffffff'],
    ['padding of more than seven bits', '1fffff'],
    ['padding that is not of ones', '18'],
  ])('of Huffman, %s is refused', (_what, bytes) => {
    expect(() => decodeHuffman(hex(bytes))).toThrow(ConnectionFault);
  });

  test('a table may be smaller, and no larger than was agreed', () => {
    const reader = createHeaderReader();
    // An entry, then a table without room, then the entry again.
    reader.read(hex('400161 0162'));
    expect(() => reader.read(hex('20 be'))).toThrow(ConnectionFault);
    expect(() => createHeaderReader().read(hex('3f e2 1f'))).toThrow(ConnectionFault);
  });

  test('many entries of a table that is full cost no more than it holds, and say too much', () => {
    const reader = createHeaderReader();
    const value = Buffer.alloc(3900, 0x61);
    reader.read(Buffer.concat([hex('400161 7fbd1d'), value]));
    expect(reader.read(Buffer.alloc(16_000, 0xbe)).values).toBeUndefined();
  });
});

describe('data', () => {
  test('messages of any size pass any window, in order, and each is told as sent', async () => {
    let serve: Open = () => silent;
    const port = await listen((stream, headers) => serve(stream, headers));
    const sizes = fc.array(fc.integer({ min: 1, max: 3 * mostPayload }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.constantFrom(1000, 16_384, 65_535, 1 << 20), async (list, initialWindowSize) => {
        const messages = list.map((size, index) => Buffer.alloc(size, index + 1));
        const told: number[] = [];
        serve = (stream) => {
          stream.headers(ok);
          for (const [index, bytes] of messages.entries()) stream.data(bytes, () => told.push(index));
          stream.end(headerBlock([['grpc-status', '0']]));
          return undefined;
        };
        const client = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize } });
        const stream = client.request({ ':method': 'POST' });
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk);
        client.destroy();
        expect(Buffer.concat(chunks).equals(Buffer.concat(messages))).toBe(true);
        expect(told).toEqual(messages.map((_, index) => index));
      }),
      { numRuns: 40 },
    );
  });

  test('what a stream does not take stays with the peer, and others go on', async () => {
    const streams: Http2Stream[] = [];
    const received: number[] = [];
    const port = await listen((stream) => {
      const index = streams.push(stream) - 1;
      received.push(0);
      stream.headers(ok);
      const data = (chunk: Buffer): void => {
        received[index] = (received[index] ?? 0) + chunk.length;
      };
      return { ...silent, data };
    });
    const client = connect(`http://127.0.0.1:${port}`);
    cleanups.push(() => client.destroy());
    const [slow, quick] = [client.request({ ':method': 'POST' }), client.request({ ':method': 'POST' })];
    await expect.poll(() => streams.length).toBe(2);
    streams[0]?.pause();
    slow.write(Buffer.alloc(300_000));
    quick.write(Buffer.alloc(300_000));
    await expect.poll(() => received[1]).toBe(300_000);
    expect(received[0]).toBeLessThanOrEqual(65_535);
    streams[0]?.resume();
    await expect.poll(() => received[0]).toBe(300_000);
  });

  test('a peer that sends more than its window ends its connection', async () => {
    const port = await listen((stream) => {
      stream.pause();
      return silent;
    });
    const socket = connectTcp(port, '127.0.0.1');
    let code: number | undefined;
    socket.on(
      'data',
      frameReader(({ type, payload }) => {
        if (type === frameType.goaway) code = payload.readUInt32BE(4);
      }),
    );
    socket.on('error', () => undefined);
    const data = http2Frame(frameType.data, 0, 1, Buffer.alloc(mostPayload));
    const open = http2Frame(frameType.headers, endHeaders, 1, headerBlock(request));
    socket.write(Buffer.concat([preface, settings({}), http2Frame(frameType.settings, ack, 0), open]));
    for (let i = 0; i < 5; i++) socket.write(data);
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    expect(code).toBe(constants.NGHTTP2_FLOW_CONTROL_ERROR);
  });

  /** What a peer hears of `frames` behind a greeting: resets of streams, and the end of the connection, until a PING is answered. */
  async function answersTo(port: number, ...frames: readonly Buffer[]): Promise<readonly string[]> {
    const socket = connectTcp(port, '127.0.0.1');
    cleanups.push(() => socket.destroy());
    socket.on('error', () => undefined);
    const heard: string[] = [];
    const over = new Promise<void>((resolve) => {
      socket.on(
        'data',
        frameReader(({ type, stream, flags, payload }) => {
          if (type === frameType.reset) heard.push(`reset ${stream}: ${payload.readUInt32BE(0)}`);
          if (type === frameType.goaway) heard.push(`end: ${payload.readUInt32BE(4)}`);
          if (type === frameType.ping && (flags & ack) !== 0) resolve();
        }),
      );
      socket.once('close', () => resolve());
    });
    const ping = http2Frame(frameType.ping, 0, 0, Buffer.alloc(8));
    socket.write(Buffer.concat([preface, settings({}), http2Frame(frameType.settings, ack, 0), ...frames, ping]));
    await over;
    return heard;
  }

  test.each<[string, readonly (readonly [string, string])[]]>([
    ['no method', request.slice(1)],
    ['no scheme', request.filter(([name]) => name !== ':scheme')],
    ['no path', request.filter(([name]) => name !== ':path')],
    ['an empty path', request.map(([name, value]) => [name, name === ':path' ? '' : value])],
    ['no authority', request.slice(0, 3)],
    ['two paths', [...request, [':path', '/x']]],
    ['a header of answers', [...request, [':status', '200']]],
    ['another that begins with a colon', [...request, [':protocol', 'websocket']]],
    ['a method behind a field', [['a', 'b'], ...request]],
    ['capital letters', [...request, ['Content-Type', 'application/grpc']]],
    ['a colon in a name', [...request, ['a:b', 'c']]],
    ['no name', [...request, ['', 'c']]],
    ['a line in a value', [...request, ['a', 'b\r\nc: d']]],
    ['a header of HTTP/1.1 connections', [...request, ['connection', 'keep-alive']]],
    ['te that is not trailers', [...request, ['te', 'gzip']]],
  ])('a request with %s reaches nobody: its stream is reset', async (_what, headers) => {
    let opened = 0;
    const port = await listen((stream) => {
      opened += 1;
      stream.end(ok);
      return undefined;
    });
    const bad = http2Frame(frameType.headers, endHeaders | flag.endStream, 1, headerBlock(headers));
    // What was on its way is no fault of the peer, and the next request is served.
    const late = http2Frame(frameType.data, 0, 1, Buffer.alloc(10));
    const good = http2Frame(
      frameType.headers,
      endHeaders | flag.endStream,
      3,
      headerBlock([...request, ['te', 'trailers']]),
    );
    expect(await answersTo(port, bad, late, good)).toEqual([`reset 1: ${constants.NGHTTP2_PROTOCOL_ERROR}`]);
    expect(opened).toBe(1);
  });

  test.each([
    ['data', frameType.data, Buffer.alloc(10)],
    ['headers', frameType.headers, headerBlock(request)],
  ] as const)('%s on a stream that the peer has closed end the connection', async (_what, type, payload) => {
    const port = await listen(() => silent);
    const open = http2Frame(frameType.headers, endHeaders, 1, headerBlock(request));
    const reset = http2Frame(frameType.reset, 0, 1, Buffer.alloc(4));
    const late = http2Frame(type, endHeaders, 1, payload);
    expect(await answersTo(port, open, reset, late)).toEqual([`end: ${constants.NGHTTP2_STREAM_CLOSED}`]);
  });

  test('trailers are no second request', async () => {
    const port = await listen(() => silent);
    const open = http2Frame(frameType.headers, endHeaders, 1, headerBlock(request));
    const again = http2Frame(frameType.headers, endHeaders | flag.endStream, 1, headerBlock(request));
    expect(await answersTo(port, open, again)).toEqual([`reset 1: ${constants.NGHTTP2_PROTOCOL_ERROR}`]);
  });

  test('a stream that the peer resets is over once', async () => {
    let closed = 0;
    const port = await listen((stream) => {
      stream.headers(ok);
      return { ...silent, closed: () => void closed++ };
    });
    const client = connect(`http://127.0.0.1:${port}`);
    cleanups.push(() => client.destroy());
    const stream = client.request({ ':method': 'POST' });
    await new Promise<void>((resolve) => stream.once('response', () => resolve()));
    stream.close(constants.NGHTTP2_CANCEL);
    await expect.poll(() => closed).toBe(1);
    client.destroy();
    const other = connect(`http://127.0.0.1:${port}`);
    await new Promise<void>((resolve) => other.request({ ':method': 'POST' }).once('response', () => resolve()));
    other.destroy();
    await expect.poll(() => closed).toBe(2);
  });
});
