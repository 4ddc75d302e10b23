// An application's or a caller's `x-envoy-*` steers no sidecar: not its own, not the next one. Whoever sends them behind a private
// address in X-Forwarded-For is an "internal" request to Envoy, which would obey.
import { createServer as createTcpServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { figure } from '../../support/figure.ts';
import {
  type HeaderLine,
  type Http1Application,
  headerLines,
  rawExchange,
  startHttp1Application,
} from '../../support/raw-http1.ts';
import { startWallPair, type WallPair } from '../../support/wall-pair.ts';

const forwarded = [
  '',
  '10.0.0.1',
  '192.168.1.1, 10.2.3.4',
  '127.0.0.1',
  '::1',
  'fd00::1',
  '203.0.113.9',
  '1.2.3.4, 10.0.0.1',
  'garbage',
];
const steering = [
  'x-envoy-max-retries: 100',
  'x-envoy-retry-on: 5xx,reset,connect-failure,retriable-status-codes,gateway-error',
  'x-envoy-retry-grpc-on: unavailable,internal',
  'x-envoy-retriable-status-codes: 503,404,200',
  'x-envoy-retriable-header-names: x-a',
  'x-envoy-upstream-rq-timeout-ms: 100',
  'x-envoy-upstream-rq-per-try-timeout-ms: 50',
  'x-envoy-upstream-rq-timeout-alt-response: 1',
  'x-envoy-upstream-alt-stat-name: forged',
  'x-envoy-hedge-on-per-try-timeout: true',
  'x-envoy-original-path: /forged',
  'x-envoy-decorator-operation: forged',
  'x-envoy-expected-rq-timeout-ms: 1',
  'x-envoy-force-trace: true',
  'X-ENVOY-Internal: true',
  'x-envoy-external-address: 10.0.0.9',
  'x-envoy-ip-tags: forged',
  'x-envoy-attempt-count: 7',
  'x-envoy-not-forwarded: true',
  'x-envoy-anything-to-come: 1',
];

let application: Http1Application;
let dropping: { readonly port: number; stop(): void };
let executed = 0;
let pair: WallPair;
let broken: WallPair;
const answerMs = 600;

beforeAll(async () => {
  application = await startHttp1Application((request, response) => {
    executed++;
    const answer = JSON.stringify(headerLines(request));
    if (request.url === '/fails') response.writeHead(503).end(answer);
    else if (request.url === '/slow') setTimeout(() => response.end(answer), answerMs);
    else response.end(answer);
  });
  // Reads a request, which it may have carried out, and goes away.
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      executed++;
      socket.resetAndDestroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  dropping = { port: address.port, stop: () => void server.close() };
  const rules = '[{from: [{everyone: true}]}]';
  [pair, broken] = await Promise.all([
    startWallPair({ api: 'protocol: http1', application, mode: 'permissive', rules }),
    startWallPair({
      api: 'protocol: http1',
      application: { address: '127.0.0.1', port: dropping.port },
      mode: 'permissive',
      rules,
    }),
  ]);
}, 60_000);

afterAll(async () => {
  await pair?.stop();
  await broken?.stop();
  await application?.stop();
  dropping?.stop();
});

const post = (path: string, from: string): string =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: a',
    'Content-Length: 2',
    ...(from === '' ? [] : [`X-Forwarded-For: ${from}`]),
    ...steering,
    '',
    'hi',
  ].join('\r\n');

async function executions(port: number, text: string) {
  executed = 0;
  const answer = await rawExchange(port, text);
  return { answer, executed };
}

test('control: without the wall a POST is executed once', async () => {
  expect((await executions(application.port, post('/fails', '10.0.0.1'))).executed).toBe(1);
});

describe.each(['on the application’s own port', 'at the next sidecar'])('%s', (where) => {
  const port = (of: WallPair): number => (where === 'at the next sidecar' ? of.inbound : of.outbound);

  test.each(forwarded)('X-Forwarded-For: %s', async (from) => {
    const failing = await executions(port(pair), post('/fails', from));
    expect([failing.answer.status, failing.executed]).toEqual([503, 1]);
    const reset = await executions(port(broken), post('/', from));
    expect([reset.answer.status, reset.executed]).toEqual([503, 1]);
    const slow = await executions(port(pair), post('/slow', from));
    expect([slow.answer.status, slow.executed]).toEqual([200, 1]);
    const seen = (JSON.parse(slow.answer.body) as HeaderLine[]).map(([name]) => name.toLowerCase());
    expect(seen.filter((name) => name.startsWith('x-envoy-'))).toEqual([]);
    figure('executionsOfOnePost', Math.max(failing.executed, reset.executed, slow.executed));
  });
});
