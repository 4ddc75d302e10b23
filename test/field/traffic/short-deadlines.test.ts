// One caller's short deadlines end nobody else's calls, though they share the connection between the sidecars.
import { connect as connectHttp2, constants, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { figure, qualifying } from '../../support/figure.ts';
import { startWallPair, type WallPair } from '../../support/wall-pair.ts';

const forMs = qualifying ? 10_000 : 3000;
let pair: WallPair;
let unguarded: WallPair;
let arrived = 0;
/** Calls that are answered once the test says so. */
const held = new Set<() => void>();
// Node's own guard is the application's, and not what is tried here.
const server = createHttp2Server({ streamResetBurst: 1_000_000, streamResetRate: 1_000_000 }).on(
  'stream',
  (stream, headers) => {
    stream.on('error', () => undefined);
    const answer = (): void => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.end();
    };
    arrived++;
    if (headers[':path'] === '/test.Echo/Held') held.add(answer);
    else if (headers[':path'] === '/test.Echo/Slow') setTimeout(answer, 500);
    else answer();
  },
);
server.on('session', (session) => session.setLocalWindowSize(1 << 20));

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const application = { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
  [pair, unguarded] = await Promise.all([
    startWallPair({ api: 'protocol: grpc', application }),
    startWallPair({ api: 'protocol: grpc', application, layeredRuntime: { layers: [] } }),
  ]);
}, 60_000);

afterAll(async () => {
  await pair?.stop();
  await unguarded?.stop();
  server.close();
});

async function besideShortDeadlines(port: number): Promise<{ calls: number; failed: number; cancelled: number }> {
  const patient = connectHttp2(`http://127.0.0.1:${port}`);
  patient.on('error', () => undefined);
  const call = (): Promise<number> =>
    new Promise((resolve) => {
      const one = patient.request({ ':method': 'POST', ':path': '/test.Echo/Call' });
      let status = 0;
      one.on('response', (headers) => {
        status = headers[':status'] ?? 0;
      });
      one.on('error', () => resolve(0)).on('close', () => resolve(status));
      one.resume().end();
    });
  await vi.waitFor(async () => expect(await call()).toBe(200), { timeout: 10_000 });
  const end = performance.now() + forMs;
  let cancelled = 0;
  const hasty = async (): Promise<void> => {
    // A connection of its own to its sidecar each time, as its own guard would see it.
    while (performance.now() < end) {
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      session.on('error', () => undefined);
      for (let one = 0; one < 40; one++) {
        const stream = session.request({ ':method': 'POST', ':path': '/test.Echo/Slow' });
        stream.on('error', () => undefined).resume();
        await delay(5);
        stream.close(constants.NGHTTP2_CANCEL);
        cancelled++;
      }
      session.close();
    }
  };
  const hurry = [hasty(), hasty()];
  let calls = 0;
  let failed = 0;
  while (performance.now() < end) {
    calls++;
    if ((await call()) !== 200) failed++;
    await delay(5);
  }
  await Promise.all(hurry);
  patient.close();
  return { calls, failed, cancelled };
}

test('beside hundreds of cancelled calls none fails', { timeout: 60_000 }, async () => {
  const { calls, failed, cancelled } = await besideShortDeadlines(pair.outbound);
  figure('callsBesideCancelled', calls);
  figure('cancelledCalls', cancelled);
  figure('failedBesideCancelled', failed);
  expect(cancelled).toBeGreaterThan(250);
  expect(failed).toBe(0);
  expect(await resets(pair)).toBe(0);
});

test('nor does one that was begun before over a thousand are cancelled at once', { timeout: 60_000 }, async () => {
  const { failed, cancelled } = await openMeanwhile(pair.outbound);
  figure('failedBesideCancelledAtOnce', failed);
  expect(cancelled).toBeGreaterThan(1500);
  expect(failed).toBe(0);
});

/** Calls that are answered at last, and many others that are not waited for. */
async function openMeanwhile(port: number): Promise<{ failed: number; cancelled: number }> {
  const before = connectHttp2(`http://127.0.0.1:${port}`);
  const statuses: number[] = [];
  const open = Array.from({ length: 5 }, () => before.request({ ':method': 'POST', ':path': '/test.Echo/Held' }));
  const ends = open.map(
    (stream) =>
      new Promise<void>((resolve) => {
        stream.on('response', (headers) => void statuses.push(headers[':status'] ?? 0));
        stream.on('error', () => undefined).on('close', () => resolve());
        stream.resume().end();
      }),
  );
  await vi.waitFor(() => expect(held.size).toBe(5), { timeout: 10_000 });
  let cancelled = 0;
  for (let round = 0; round < 20; round++) {
    const arrivedBefore = arrived;
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', () => undefined);
    const streams = Array.from({ length: 90 }, () =>
      session.request({ ':method': 'POST', ':path': '/test.Echo/Slow' }),
    );
    for (const stream of streams) stream.on('error', () => undefined).resume();
    await vi.waitFor(() => expect(arrived - arrivedBefore).toBeGreaterThan(80), { timeout: 10_000, interval: 5 });
    for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    cancelled += streams.length;
    session.close();
  }
  for (const answer of held) answer();
  await Promise.all(ends);
  before.close();
  return { failed: 5 - statuses.filter((status) => status === 200).length, cancelled };
}

test('control: Envoy’s guard would have ended the connection', { timeout: 60_000 }, async () => {
  await besideShortDeadlines(unguarded.outbound);
  expect(await resets(unguarded)).toBeGreaterThan(0);
});

async function resets({ server: sidecar }: WallPair): Promise<number> {
  const text = await (
    await fetch(`${sidecar.envoy.admin}/stats?filter=downstream_rq_too_many_premature_resets`)
  ).text();
  return text.split('\n').reduce((sum, line) => sum + Number(line.split(': ')[1] ?? 0), 0);
}
