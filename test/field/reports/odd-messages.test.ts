// A connection of HTTP/2 is shared: what one caller or one answer gets wrong ends its own stream and nobody else's, on each of the
// codecs between a caller and an application. And a caller may open as many streams as he could without the wall.
// envoyproxy/envoy#20575, #30362, #3076; linkerd/linkerd2#10090; istio/istio#4940.
import { type ClientHttp2Stream, connect as connectHttp2, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { figure } from '../../support/figure.ts';
import { endHeaders, endStream, frameType, http2Frame } from '../../support/raw-http2.ts';
import {
  callRaw,
  get,
  type Headers,
  head,
  type RawAnswer,
  type RawApplication,
  startRawApplication,
} from '../../support/raw-http2-ends.ts';
import { startWallPair, type WallPair } from '../../support/wall-pair.ts';

const empty = (stream: number): Buffer => http2Frame(frameType.data, 0, stream);
const last = (stream: number): Buffer => http2Frame(frameType.data, endStream, stream, Buffer.from('ab'));
const ok: Headers = [[':status', '200']];
const well: RawAnswer = (socket, id) => void socket.write(head(id, ok));
const oddAnswers: readonly (readonly [string, (id: number) => readonly Buffer[]])[] = [
  ['a header of HTTP/1.1', (id) => [head(id, [...ok, ['connection', 'close']])]],
  ['a control character', (id) => [head(id, [...ok, ['x-a', 'a\x01']])]],
  ['a name in upper case', (id) => [head(id, [...ok, ['X-A', 'a']])]],
  ['no status', (id) => [head(id, [['x-a', 'a']])]],
  [
    '204 with a length',
    (id) => [
      head(id, [
        [':status', '204'],
        ['content-length', '5'],
      ]),
    ],
  ],
  ['less than its length', (id) => [head(id, [...ok, ['content-length', '5']], endHeaders), last(id)]],
  ['50 empty frames', (id) => [head(id, ok, endHeaders), ...Array.from({ length: 50 }, () => empty(id)), last(id)]],
];

let application: RawApplication;
let pair: WallPair;
/** What the application does with the next calls, in their order. */
const plan: RawAnswer[] = [];
/** Answers that it has not given yet. */
const held: (() => void)[] = [];
const hold: RawAnswer = (socket, id) => void held.push(() => well(socket, id));

beforeAll(async () => {
  application = await startRawApplication(() => plan.shift() ?? well);
  // One worker: one connection to the application, that all callers share.
  pair = await startWallPair({ api: 'protocol: http2', application, envoyArgs: ['--concurrency', '1'] });
  await vi.waitFor(
    async () => {
      const caller = callRaw(pair.outbound);
      caller.send(head(1, get('/')));
      expect(await caller.heard(1)).toBe('answer');
      caller.end();
    },
    { timeout: 10_000 },
  );
}, 60_000);
afterAll(async () => {
  await pair?.stop();
  await application?.stop();
});

describe('an answer that is no valid message', () => {
  test.each(oddAnswers)('ends nobody else’s call: %s', async (_what, frames) => {
    plan.push(hold, (socket, id) => void socket.write(Buffer.concat([...frames(id)])));
    const [patient, unlucky] = [callRaw(pair.outbound), callRaw(pair.outbound)];
    patient.send(head(1, get('/')));
    await vi.waitFor(() => expect(held.length).toBe(1), { timeout: 5000 });
    unlucky.send(head(1, get('/')));
    await unlucky.heard(1);
    for (const answer of held.splice(0)) answer();
    // A reset call would have been answered with 502 before.
    expect(await patient.status(1)).toBe('200');
    patient.end();
    unlucky.end();
  });
});

const oddCalls: readonly (readonly [string, (id: number) => readonly Buffer[]])[] = [
  ['a header of HTTP/1.1', (id) => [head(id, get('/', ['connection', 'close']))]],
  ['a TE of HTTP/1.1', (id) => [head(id, get('/', ['te', 'gzip']))]],
  ['a control character', (id) => [head(id, get('/', ['x-a', 'a\x01']))]],
  ['a name in upper case', (id) => [head(id, get('/', ['X-A', 'a']))]],
  [
    'no path',
    (id) => [
      head(
        id,
        get('/').filter(([name]) => name !== ':path'),
      ),
    ],
  ],
];
test.each(oddCalls)('a call that is no valid message ends by itself: %s', async (_what, frames) => {
  const control = createServer(({ url }, response) => {
    if (url === '/held') held.push(() => response.end());
    else response.end();
  });
  await new Promise<void>((resolve) => control.listen(0, '127.0.0.1', resolve));
  try {
    for (const port of [(control.address() as AddressInfo).port, pair.outbound]) {
      if (port === pair.outbound) plan.push(hold);
      const caller = callRaw(port);
      caller.send(head(1, get('/held')));
      await vi.waitFor(() => expect(held.length).toBe(1), { timeout: 5000 });
      caller.send(...frames(3));
      if (port === pair.outbound) expect(await caller.heard(3)).toBe('reset');
      // The control takes some of them.
      for (const answer of held.splice(0)) answer();
      expect(await caller.heard(1)).toBe('answer');
      caller.end();
    }
  } finally {
    control.close();
  }
});

test('empty frames of data, which some libraries send, end nothing', async () => {
  const caller = callRaw(pair.outbound);
  const post = get('/').map(([name, value]): readonly [string, string] => [name, name === ':method' ? 'POST' : value]);
  caller.send(head(1, post, endHeaders), ...Array.from({ length: 50 }, () => empty(1)), last(1));
  expect(await caller.heard(1)).toBe('answer');
  caller.end();
});

test.each([
  ['any number', 2 ** 32 - 1],
  ['a hundred a connection', 100],
])('1,500 streams at once on one connection; the application takes %s', { timeout: 60_000 }, async (_what, most) => {
  const server = createServer({ settings: { maxConcurrentStreams: most } });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond();
    stream.write('and more later');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const wall = await startWallPair({ api: 'protocol: http2', application: { address: '127.0.0.1', port } });
  try {
    // The control would wait for ever where the application takes fewer.
    for (const at of most < 1500 ? [wall.outbound] : [port, wall.outbound]) {
      const session = connectHttp2(`http://127.0.0.1:${at}`);
      let [open, failed] = [0, 0];
      const streams = Array.from({ length: 1500 }, (): ClientHttp2Stream => {
        const stream = session.request({ ':path': '/' });
        stream.on('data', () => undefined).on('error', () => failed++);
        stream.on('response', ({ ':status': status }) => (status === 200 ? open++ : failed++));
        return stream;
      });
      await vi.waitFor(() => expect({ open, failed }).toEqual({ open: streams.length, failed: 0 }), {
        timeout: 10_000,
      });
      figure(at === port ? 'streamsWithoutTheWall' : 'streamsThroughTheWall', open);
      session.destroy();
    }
  } finally {
    await wall.stop();
    server.close();
  }
});
