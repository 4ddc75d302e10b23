// One call of another's gRPC method: whoever is there instead, and whatever it answers, the call ends, and says no more than it may.
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcp, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CellwallError } from '../../src/lib/errors.ts';
import { frameOf } from '../../src/lib/grpc-call.ts';
import { callGrpc } from '../../src/lib/grpc-client.ts';

const servers: Server[] = [];
let answer: (stream: ServerHttp2Stream) => void;
let port = 0;
const listening = async (server: Server): Promise<number> => {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};
beforeAll(async () => {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    answer(stream);
  });
  port = await listening(server);
});
afterAll(() => {
  for (const server of servers) server.close();
});
const call = (at = port, timeoutMs = 20_000): Promise<Buffer> =>
  callGrpc({
    ...{ who: 'the other', method: '/a.B/C', message: Buffer.from('ask'), timeoutMs },
    connect: () => connect(at, '127.0.0.1'),
  });
const failureOf = async (work: Promise<unknown>): Promise<CellwallError> =>
  CellwallError.from(
    await work.then(
      () => new Error('it worked'),
      (reason: unknown) => reason,
    ),
  );
const begin = (stream: ServerHttp2Stream, status: number | undefined, http = 200): ServerHttp2Stream => {
  stream.respond({ ':status': http, 'content-type': 'application/grpc' }, { waitForTrailers: status !== undefined });
  if (status === undefined) return stream;
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status), 'grpc-message': 'stays here' }));
  return stream;
};

test('the first message is the answer, however it is cut, also of a stream that goes on', async () => {
  answer = (stream) => {
    begin(stream, undefined);
    const frame = frameOf(Buffer.from('answered'));
    let at = 0;
    const next = (): void => {
      if (at < frame.length) stream.write(frame.subarray(at, ++at), next);
    };
    next();
  };
  expect((await call()).toString()).toBe('answered');
});

test.each<[string, (stream: ServerHttp2Stream) => void, string]>([
  ['another status, with a message', (stream) => begin(stream, 7).end(), 'failed_precondition'],
  ['that it cannot now', (stream) => begin(stream, 14).end(), 'unavailable'],
  ['success without a message', (stream) => begin(stream, 0).end(), 'unavailable'],
  ['half a message', (stream) => begin(stream, 0).end(Buffer.from([0, 0, 0, 0, 9, 1])), 'unavailable'],
  ['a compressed one', (stream) => begin(stream, 0).end(Buffer.from([1, 0, 0, 0, 1, 1])), 'unavailable'],
  ['a page of HTTP', (stream) => begin(stream, undefined, 404).end('none'), 'unavailable'],
  [
    'more than it may',
    (stream) => {
      begin(stream, undefined);
      stream.end(Buffer.alloc(1_100_000, 255));
    },
    'failed_precondition',
  ],
  ['nothing, and the end of the connection', (stream) => stream.session?.destroy(), 'unavailable'],
])('an answer of %s is told as its kind', async (_, how, code) => {
  answer = how;
  const failed = await failureOf(call());
  expect(failed.code).toBe(code);
  expect(failed.message).toMatch(/^the other: /);
  expect(`${failed} ${failed.hint}`).not.toContain('stays here');
});

test('who never answers, speaks something else, or is not there', async () => {
  answer = () => {};
  expect((await failureOf(call(port, 300))).message).toContain('no answer in time');
  const other = await listening(createTcp((socket) => void socket.on('error', () => {}).end('220 mail ready\r\n')));
  expect((await failureOf(call(other))).code).toBe('unavailable');
  const mute = await listening(createTcp((socket) => void socket.on('error', () => {})));
  expect((await failureOf(call(mute, 300))).code).toBe('unavailable');
  expect((await failureOf(call(1))).code).toBe('unavailable');
});
