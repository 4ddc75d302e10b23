// What is small on the wire of the xDS port and large, deep or endless behind it, by W: compressed messages (CVE-2024-37168), nested
// ones, headers without an end (CVE-2024-27983), calls without an authority (GHSA-2v4p-qf9q-27wj); and sessions that would be resumed
// past the check of their certificate. All are refused, and the process is as it was.
import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { figure } from '../../support/figure.ts';
import {
  endHeaders,
  frameReader,
  frameType,
  headerBlock,
  http2Frame,
  preface,
  settings,
} from '../../support/raw-http2.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeProcess, startServeProcess } from '../../support/serve-process.ts';

let wall: ServeProcess;
let svid: { readonly cert: string; readonly key: string };

beforeAll(async () => {
  wall = await startServeProcess(
    yaml('kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}', serviceText('w')),
  );
  const { chain, key } = await wall.enrol('w');
  svid = { cert: readFileSync(chain, 'utf8'), key: readFileSync(key, 'utf8') };
}, 60_000);
afterAll(async () => {
  await wall?.stop();
});

function dial(session?: Buffer): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...svid,
      ...(session === undefined ? {} : { session }),
      host: '127.0.0.1',
      port: wall.ports.xds,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    });
    socket.once('secureConnect', () => resolve(socket)).once('error', reject);
  });
}

async function send(frames: readonly Buffer[]): Promise<'answered' | 'reset' | 'closed'> {
  const socket = await dial();
  const heard = await new Promise<'answered' | 'reset' | 'closed'>((resolve) => {
    socket.on('error', () => resolve('closed')).on('close', () => resolve('closed'));
    socket.on(
      'data',
      frameReader(({ type }) => {
        if (type === frameType.reset || type === frameType.goaway) resolve('reset');
        if (type === frameType.headers) resolve('answered');
      }),
    );
    socket.write(Buffer.concat([preface, settings({ 1: 0 }), ...frames]));
  });
  socket.destroy();
  return heard;
}

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';
const methods = [
  ads,
  '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs',
  '/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus',
];
const headOf = (path: string, more: readonly (readonly [string, string])[] = []): Buffer =>
  headerBlock([
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', path],
    [':authority', 'x'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ]);

function message(body: Buffer, compressed = false): Buffer[] {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(compressed ? 1 : 0);
  prefix.writeUInt32BE(body.length, 1);
  const bytes = Buffer.concat([prefix, body]);
  const parts = Array.from({ length: Math.ceil(bytes.length / 16_384) }, (_, part) =>
    bytes.subarray(part * 16_384, (part + 1) * 16_384),
  );
  return parts.map((part, index) => http2Frame(0, index === parts.length - 1 ? 1 : 0, 1, part));
}

/** 32 KB that are 32 MB: under the window of a stream. */
const bomb = gzipSync(Buffer.alloc(32 << 20), { level: 9 });
const groups = (depth: number): Buffer => Buffer.concat([Buffer.alloc(depth, 0x7b), Buffer.alloc(depth, 0x7c)]);

test.each(methods)('a compressed message that is no small one: %s', async (path) => {
  const before = wall.peakMb();
  await Promise.all(
    Array.from({ length: 20 }, () =>
      send([
        http2Frame(frameType.headers, endHeaders, 1, headOf(path, [['grpc-encoding', 'gzip']])),
        ...message(bomb, true),
      ]),
    ),
  );
  const grown = Math.round(wall.peakMb() - before);
  figure('compressedBombsGrewMb', grown);
  expect(bomb.length).toBeLessThan(65_000);
  // Whole, they are 640 MB.
  expect(grown).toBeLessThan(100);
  expect(await wall.healthMs()).toBeLessThan(2000);
});

test.each([100, 10_000, 30_000])('groups in groups, %i deep', async (depth) => {
  for (const path of methods) {
    await send([http2Frame(frameType.headers, endHeaders, 1, headOf(path)), ...message(groups(depth))]);
  }
  expect(await wall.healthMs()).toBeLessThan(2000);
});

test('headers without an end, and a call without an authority', async () => {
  const before = wall.rssMb();
  const more = http2Frame(9, 0, 1, headerBlock([['x', 'y'.repeat(8000)]]));
  expect(
    await send([http2Frame(frameType.headers, 0, 1, headOf(ads)), ...Array.from({ length: 1000 }, () => more)]),
  ).not.toBe('answered');
  const none = headerBlock([
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', ads],
    ['content-type', 'application/grpc'],
  ]);
  expect(await send([http2Frame(frameType.headers, endHeaders, 1, none)])).toBe('reset');
  expect(wall.rssMb()).toBeLessThan(before * 1.2 + 20);
  expect(await wall.healthMs()).toBeLessThan(2000);
});

test('no session is resumed, though it is offered: each connection proves its certificate', async () => {
  const first = await dial();
  const sessions: Buffer[] = [];
  first.on('session', (session: Buffer) => sessions.push(session));
  // Behind what the handshake leaves to say, which sessions are part of.
  await new Promise<void>((resolve) => {
    first.on(
      'data',
      frameReader(({ type }) => {
        if (type === frameType.ping) resolve();
      }),
    );
    first.write(Buffer.concat([preface, settings({}), http2Frame(frameType.ping, 0, 0, Buffer.alloc(8))]));
  });
  first.destroy();
  figure('sessionsOffered', sessions.length);
  // OpenSSL offers some all the same: each is tried.
  expect(sessions.length).toBeGreaterThan(0);
  for (const session of sessions) {
    const again = await dial(session);
    expect(again.isSessionReused()).toBe(false);
    again.destroy();
  }
});
