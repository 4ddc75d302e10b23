// What no library would send, by hand: whoever floods, stalls, cuts or mangles HTTP/2 ends its own call or connection at most, and another
// proxy is answered as before.
import { connect, type Socket } from 'node:net';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { frameOf, framePrefix, type GrpcTransportName } from '../../src/lib/grpc-call.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
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
} from '../support/raw-http2.ts';
import { createRawXdsClient } from '../support/raw-xds-client.ts';
import { type Fixture, node, nodeKey, snapshotOf, startXds } from './xds-fixture.ts';

const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const typeUrl = typeUrls.cluster;
const continuation = 9;
const enhanceYourCalm = 11;
const request = toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { node, typeUrl }));
const standard = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', path],
  [':authority', 'xds'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
] as const;

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Raw {
  readonly socket: Socket;
  readonly frames: Frame[];
  send(...frames: readonly Uint8Array[]): void;
  /** Waits until `found` holds of the frames that came; fails once the connection ends before, or after ten seconds. */
  until(what: string, found: (frames: readonly Frame[]) => boolean): Promise<void>;
  readonly ended: Promise<void>;
  isOpen(): boolean;
}

function open(port: number, values: Readonly<Record<number, number>> = {}): Raw {
  const socket = connect(port, '127.0.0.1');
  const frames: Frame[] = [];
  let wake = (): void => {};
  let live = true;
  socket.on('error', () => undefined);
  socket.on(
    'data',
    frameReader((frame) => {
      frames.push(frame);
      if (frame.type === frameType.settings && (frame.flags & ack) === 0) {
        socket.write(http2Frame(frameType.settings, ack, 0));
      }
      wake();
    }),
  );
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => {
      live = false;
      resolve();
      wake();
    });
  });
  cleanups.push(() => void socket.destroy());
  socket.write(Buffer.concat([preface, settings(values)]));
  return {
    socket,
    frames,
    send: (...parts) => void (live && socket.write(Buffer.concat(parts))),
    async until(what, found) {
      const end = performance.now() + 10_000;
      while (!found(frames)) {
        if (!live) throw new Error(`ended before: ${what}`);
        if (performance.now() > end) throw new Error(`not within 10 s: ${what}`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, 100);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
    ended,
    isOpen: () => live,
  };
}

const headers = (stream: number, list: readonly (readonly [string, string])[] = standard): Buffer =>
  http2Frame(frameType.headers, endHeaders, stream, headerBlock(list));
const message = (stream: number, bytes: Uint8Array = request): Buffer =>
  http2Frame(frameType.data, 0, stream, frameOf(bytes));
const dataOf = (frames: readonly Frame[], stream: number): Buffer =>
  Buffer.concat(frames.flatMap((one) => (one.type === frameType.data && one.stream === stream ? [one.payload] : [])));
const over = (frames: readonly Frame[], stream: number): boolean =>
  frames.some((one) => one.stream === stream && one.type === frameType.headers && (one.flags & endStream) !== 0);
const answered = (frames: readonly Frame[], stream: number): boolean => {
  const bytes = dataOf(frames, stream);
  if (bytes.length < framePrefix) return false;
  return bytes.length >= framePrefix + bytes.readUInt32BE(1);
};
const wentAway = (frames: readonly Frame[]): boolean => frames.some(({ type }) => type === frameType.goaway);

async function start(transport: GrpcTransportName, options: Parameters<typeof startXds>[0] = {}): Promise<Fixture> {
  const xds = await startXds({ ...options, transport });
  cleanups.push(() => xds.close());
  xds.cache.set(nodeKey, snapshotOf(1, { cluster: { a: 'a1' } }));
  return xds;
}

/** Another proxy is answered. */
async function othersAreServed(xds: Fixture): Promise<void> {
  const client = createRawXdsClient(xds.port);
  const stream = client.delta();
  stream.send({ node, typeUrl });
  expect((await stream.next()).resources).toHaveLength(1);
  client.close();
}

describe.each(['http2', 'grpc-js'] as const)('%s', (transport) => {
  test('messages cut at every byte, and many in one frame', async () => {
    const xds = await start(transport);
    const bytes = frameOf(request);
    const raw = open(xds.port);
    for (let at = 1; at < bytes.length; at += 5) {
      const stream = 2 * at + 1;
      const parts = [bytes.subarray(0, at), bytes.subarray(at)].map((part) =>
        http2Frame(frameType.data, 0, stream, part),
      );
      raw.send(headers(stream), ...parts);
      await raw.until(`an answer, cut at ${at}`, (frames) => answered(frames, stream));
      raw.send(http2Frame(frameType.reset, 0, stream, Buffer.alloc(4)));
    }
    const stream = 2 * bytes.length + 1;
    const secret = toBinary(
      DeltaDiscoveryRequestSchema,
      create(DeltaDiscoveryRequestSchema, { typeUrl: typeUrls.secret, resourceNamesSubscribe: ['none'] }),
    );
    raw.send(headers(stream), http2Frame(frameType.data, 0, stream, Buffer.concat([bytes, frameOf(secret)])));
    await raw.until('both answers', (frames) => {
      const all = dataOf(frames, stream);
      const first = all.length < framePrefix ? 0 : framePrefix + all.readUInt32BE(1);
      return first > 0 && all.length > first;
    });
    await othersAreServed(xds);
  });

  test('a window of a few bytes: the response comes in pieces, as it is opened', async () => {
    const xds = await start(transport);
    const raw = open(xds.port, { 4: 7 });
    raw.send(headers(1), message(1));
    await raw.until('what the window lets through', (frames) => dataOf(frames, 1).length === 7);
    await othersAreServed(xds);
    while (!answered(raw.frames, 1)) {
      const before = dataOf(raw.frames, 1).length;
      raw.send(windowUpdate(1, 11));
      await raw.until('more of it', (frames) => dataOf(frames, 1).length > before);
    }
    const response = dataOf(raw.frames, 1).subarray(framePrefix);
    expect(fromBinary(DeltaDiscoveryResponseSchema, response).resources.map(({ name }) => name)).toEqual(['a']);
  });

  test('a window that never opens costs nobody else anything', async () => {
    const xds = await start(transport);
    const raw = open(xds.port, { 4: 0 });
    for (let stream = 1; stream < 40; stream += 2) raw.send(headers(stream), message(stream));
    await othersAreServed(xds);
    expect(raw.isOpen()).toBe(true);
    expect(dataOf(raw.frames, 1)).toHaveLength(0);
  });

  test('a message that is announced as larger than any may be ends its call', async () => {
    const xds = await start(transport);
    const raw = open(xds.port);
    const huge = Buffer.from([0, 0xff, 0xff, 0xff, 0xff]);
    raw.send(headers(1), http2Frame(frameType.data, 0, 1, huge), headers(3), message(3));
    await raw.until('the end of the one', (frames) => over(frames, 1));
    await raw.until('an answer to the other', (frames) => answered(frames, 3));
  });

  test('a thousand headers, or one of 100 KiB, end the call or the connection', async () => {
    const xds = await start(transport);
    const many = Array.from({ length: 1000 }, (_, index) => [`x-${index}`, 'y'] as const);
    const long = Array.from({ length: 7 }, (_, index) => [`x-${index}`, 'y'.repeat(14_000)] as const);
    for (const list of [many, long]) {
      const block = headerBlock([...standard, ...list]);
      const raw = open(xds.port);
      const parts: Buffer[] = [];
      for (let at = 0; at < block.length; at += 16_000) {
        const last = at + 16_000 >= block.length;
        const type = at === 0 ? frameType.headers : continuation;
        parts.push(http2Frame(type, last ? endHeaders : 0, 1, block.subarray(at, at + 16_000)));
      }
      raw.send(...parts, message(1));
      await Promise.race([
        raw.ended,
        raw.until('it is refused', (frames) => {
          // The longest of what nghttp2 takes, grpc-js takes.
          const taken = transport === 'grpc-js' && answered(frames, 1);
          return taken || over(frames, 1) || frames.some(({ type }) => type === frameType.reset);
        }),
      ]);
      await othersAreServed(xds);
    }
  });

  test('CONTINUATION without end: the connection ends', async () => {
    const xds = await start(transport);
    const raw = open(xds.port);
    raw.send(http2Frame(frameType.headers, 0, 1, headerBlock(standard)));
    const more = http2Frame(continuation, 0, 1, headerBlock([['x', 'y']]));
    const flood = setInterval(() => raw.send(...Array.from({ length: 100 }, () => more)), 1);
    cleanups.push(() => clearInterval(flood));
    await raw.ended;
    await othersAreServed(xds);
  });

  test('frames of no meaning: each ends the connection, or nothing', async () => {
    const xds = await start(transport);
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            type: fc.integer({ min: 0, max: 12 }),
            flags: fc.integer({ min: 0, max: 255 }),
            stream: fc.integer({ min: 0, max: 9 }),
            payload: fc.uint8Array({ maxLength: 40 }),
          }),
          { minLength: 1, maxLength: 12 },
        ),
        async (list) => {
          const raw = open(xds.port);
          raw.send(headers(1), message(1));
          raw.send(...list.map(({ type, flags, stream, payload }) => http2Frame(type, flags, stream, payload)));
          // An answer to this, or the end: the server has read all that came before.
          raw.send(http2Frame(frameType.ping, 0, 0, Buffer.alloc(8)));
          await Promise.race([
            raw.ended,
            raw.until('PONG', (frames) => frames.some(({ type }) => type === frameType.ping)),
          ]);
          raw.socket.destroy();
        },
      ),
      { numRuns: 150 },
    );
    await othersAreServed(xds);
  });

  test('a connection that has its age is told to go, and then cut', async () => {
    const xds = await start(transport, { connectionAgeMs: 200 });
    const raw = open(xds.port);
    raw.send(headers(1), message(1));
    await raw.until('an answer', (frames) => answered(frames, 1));
    await raw.until('GOAWAY', wentAway);
    expect(raw.isOpen()).toBe(true);
    await raw.ended;
  });

  test('a peer that answers no PING is cut off', async () => {
    const xds = await start(transport, { keepaliveMs: 200 });
    const raw = open(xds.port);
    raw.send(headers(1), message(1));
    await raw.until('PING', (frames) => frames.some(({ type }) => type === frameType.ping));
    await raw.ended;
    await expect.poll(() => xds.server.streams()).toBe(0);
  });

  test('a stop says GOAWAY, ends the streams with a status, and frees the port', async () => {
    const xds = await start(transport);
    const raw = open(xds.port);
    raw.send(headers(1), message(1));
    await raw.until('an answer', (frames) => answered(frames, 1));
    await xds.listener.close(50);
    await raw.ended;
    expect(wentAway(raw.frames)).toBe(true);
    expect(over(raw.frames, 1)).toBe(true);
  });
});

// What grpc-js does otherwise, or not at all.
describe('http2 alone', () => {
  test.each([
    ['PING', http2Frame(frameType.ping, 0, 0, Buffer.alloc(8))],
    ['SETTINGS', settings({ 4: 65_535 })],
    ['WINDOW_UPDATE', windowUpdate(0, 1)],
    ['PRIORITY', http2Frame(2, 0, 1, Buffer.alloc(5))],
    ['frames that nobody knows', http2Frame(0xfa, 0, 1)],
  ])('a flood of %s ends its connection', async (_what, frame) => {
    const xds = await start('http2');
    const raw = open(xds.port);
    const flood = setInterval(() => raw.send(...Array.from({ length: 200 }, () => frame)), 1);
    cleanups.push(() => clearInterval(flood));
    await raw.ended;
    const code = raw.frames.find(({ type }) => type === frameType.goaway)?.payload.readUInt32BE(4);
    expect(code).toBe(enhanceYourCalm);
    await othersAreServed(xds);
  });

  test('a compressed message ends its call', async () => {
    const xds = await start('http2');
    const raw = open(xds.port);
    const squeezed = frameOf(request);
    squeezed[0] = 1;
    raw.send(headers(1), http2Frame(frameType.data, 0, 1, squeezed), headers(3), message(3));
    await raw.until('the end of the one', (frames) => over(frames, 1));
    await raw.until('an answer to the other', (frames) => answered(frames, 3));
  });

  test('what is no gRPC, or no method, is refused', async () => {
    const xds = await start('http2');
    const raw = open(xds.port);
    const other = (name: string, value: string) =>
      standard.map(([key, its]) => [key, key === name ? value : its] as const);
    raw.send(headers(1, other(':path', '/no.Such/Method')), headers(3, other('content-type', 'text/html')));
    raw.send(headers(5, other(':method', 'PUT')), headers(7, other(':path', '/')));
    for (const stream of [1, 3, 5, 7]) await raw.until(`the end of ${stream}`, (frames) => over(frames, stream));
    raw.send(headers(9), message(9));
    await raw.until('an answer on the same connection', (frames) => answered(frames, 9));
  });

  test('a deadline of the caller ends its call', async () => {
    const xds = await start('http2');
    const raw = open(xds.port);
    raw.send(headers(1, [...standard, ['grpc-timeout', '50m']]), message(1));
    await raw.until('the end', (frames) => over(frames, 1));
    await expect.poll(() => xds.server.streams()).toBe(0);
  });
});
