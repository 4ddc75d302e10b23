// Calls that nobody refused and that got no whole answer, on real Envoys: resets before and in the midst of the answer, timeouts, callers
// that leave, an application that is gone, over HTTP and TCP. They are counted as failed, and never as allowed. The control: answered
// ones, errors of the application's own among them, and an answer that its caller broke off.
import { createServer, type Server as HttpServer, request } from 'node:http';
import { connect, createServer as createTcpServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatStatus } from '../../../src/cli/output/format-status.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../../src/sidecar/run-sidecar.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';

let wall: ServeHarness;
let api: HttpServer;
let raw: Server;
let [toApi, toRaw] = [0, 0];
const sidecars: Sidecar[] = [];
const rounds = qualifying ? 40 : 4;

/** The record keeps methods: each stands for what becomes of it. */
const cases = [
  { method: 'GET', what: 'answered', decision: 'allowed', status: 200 },
  { method: 'HEAD', what: "the application's own 503", decision: 'allowed', status: 503 },
  { method: 'DELETE', what: 'its caller leaves in the midst of the answer', decision: 'allowed', status: 200 },
  { method: 'POST', what: 'closed before an answer', decision: 'failed', status: 503 },
  { method: 'PUT', what: 'closed in the midst of the answer', decision: 'failed', status: 200 },
  { method: 'PATCH', what: 'no answer in time', decision: 'failed', status: 504 },
  { method: 'TRACE', what: 'an answer that contradicts itself', decision: 'failed', status: 502 },
  { method: 'OPTIONS', what: 'its caller leaves before an answer', decision: 'failed', status: undefined },
] as const;

const contradictions = [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab',
  'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
];
let traced = 0;

beforeAll(async () => {
  const [first = 0, second = 0, ...inbound] = await freePorts(4);
  [toApi, toRaw] = [first, second];
  const endless = (response: NodeJS.WritableStream): void => void response.write('x'.repeat(1000));
  api = createServer((incoming, response) => {
    if (incoming.method === 'HEAD') response.writeHead(503).end();
    else if (incoming.method === 'DELETE') endless(response);
    else if (incoming.method === 'POST') incoming.socket.destroy();
    else if (incoming.method === 'TRACE') {
      incoming.socket.end(contradictions[traced++ % contradictions.length] ?? '');
    } else if (incoming.method === 'PUT') {
      endless(response);
      setImmediate(() => incoming.socket.end());
    } else if (incoming.method === 'GET') response.end('api');
  });
  raw = createTcpServer((socket) => socket.on('error', () => undefined).pipe(socket));
  await Promise.all([api, raw].map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))));
  wall = await startServe(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
      serviceText('api', 'http1', ', timeouts: {request: 1s}, retries: {attempts: 0}'),
      serviceText('raw', 'tcp'),
      serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${toApi}}, {service: raw, listen: ${toRaw}}]`),
      policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
      policyText('raw', 'raw', 'allow', '[{from: [{service: web}]}]'),
    ),
  );
  await Promise.all([sidecar('api', inbound[0], api), sidecar('raw', inbound[1], raw), sidecar('web')]);
  await eventually('calls pass', async () => (await call('GET')) === 200 || undefined, 60_000);
  await eventually('the first is counted', async () => (await counted('api', 'allowed')) > 0 || undefined);
  await eventually('connections pass', async () => (await echoed()) === 'x' || undefined, 60_000);
}, 120_000);

afterAll(async () => {
  for (const { envoyPid } of sidecars) process.kill(envoyPid, 'SIGKILL');
  await Promise.all(sidecars.map(({ exited }) => exited));
  api.close();
  api.closeAllConnections();
  raw.close();
  await wall.stop();
});

async function sidecar(service: string, inbound?: number, application?: Server): Promise<void> {
  const { token } = await wall.admin.createToken({ service });
  const at = application?.address();
  const port = typeof at === 'object' ? at?.port : undefined;
  sidecars.push(
    await runSidecar({
      identity: `127.0.0.1:${wall.identityPort}`,
      xds: `127.0.0.1:${wall.xdsPort}`,
      token: new Redacted(token),
      dataDir: join(wall.folder, service),
      ...(inbound === undefined ? {} : { inbound: `127.0.0.1:${inbound}` }),
      ...(port === undefined ? {} : { application: `127.0.0.1:${port}` }),
      env: process.env,
      log: silentLog,
      envoyWords: { write() {} },
      drainSeconds: 0,
    }),
  );
}

/** The status, at its first byte; DELETE and OPTIONS leave. */
function call(method: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    let status: number | undefined;
    const sent = request({ host: '127.0.0.1', port: toApi, method, agent: false }, (answer) => {
      status = answer.statusCode;
      answer.on('error', () => undefined);
      if (method === 'DELETE') answer.once('data', () => sent.destroy());
      else answer.resume();
    });
    sent.on('error', () => undefined).on('close', () => resolve(status));
    if (method === 'OPTIONS') sent.on('finish', () => setTimeout(() => sent.destroy(), 200));
    sent.end();
  });
}

function echoed(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(toRaw, '127.0.0.1', () => socket.write('x'));
    socket.once('data', (chunk) => {
      resolve(String(chunk));
      socket.destroy();
    });
    socket.on('error', () => undefined).on('close', () => resolve(undefined));
  });
}

async function counted(service: string, decision: string, method?: string): Promise<number> {
  const { traffic } = await wall.admin.traffic();
  return traffic
    .filter((row) => row.service === service && row.decision === decision && (method ?? row.method) === row.method)
    .reduce((sum, { count }) => sum + count, 0);
}

it.each(cases)('$method: $what, $decision', { timeout: 60_000 }, async ({ method, decision, status }) => {
  const other = decision === 'allowed' ? 'failed' : 'allowed';
  const [before, beforeOther] = [await counted('api', decision, method), await counted('api', other, method)];
  for (let sent = 0; sent < rounds; sent += 1) expect(await call(method)).toBe(status);
  const seen = async (): Promise<number> => (await counted('api', decision, method)) - before;
  await eventually('all are counted', async () => (await seen()) >= rounds || undefined, 20_000);
  expect(await seen()).toBe(rounds);
  const wrong = (await counted('api', other, method)) - beforeOther;
  figure(`wronglyCounted.${method}`, wrong);
  expect(wrong).toBe(0);
});

it('without an application, neither requests nor connections are allowed', { timeout: 60_000 }, async () => {
  const allowed = async (): Promise<readonly number[]> => [
    await counted('api', 'allowed', 'GET'),
    await counted('raw', 'allowed'),
  ];
  const failed = async (): Promise<number> =>
    (await counted('api', 'failed', 'GET')) + (await counted('raw', 'failed'));
  // What came before has been told.
  const before = await eventually('the record is complete', async () => {
    const now = await allowed();
    return now[0] !== undefined && now[0] > rounds && (now[1] ?? 0) > 0 ? now : undefined;
  });
  const failedBefore = await failed();
  const closed = [api, raw].map((server) => new Promise((resolve) => server.close(resolve)));
  api.closeAllConnections();
  await Promise.all(closed);
  for (let sent = 0; sent < rounds; sent += 1) {
    expect(await call('GET')).toBe(503);
    expect(await echoed()).toBeUndefined();
  }
  await eventually('all are counted', async () => (await failed()) - failedBefore >= 2 * rounds || undefined, 20_000);
  expect(await allowed()).toEqual(before);
  const [status, { services }, { proxies }, { traffic }] = await Promise.all([
    wall.admin.status(),
    wall.admin.services(),
    wall.admin.proxies(),
    wall.admin.traffic(),
  ]);
  const shown = formatStatus({ status, services, proxies, traffic, now: Date.now() });
  expect(shown).toMatch(/^SERVICE +CALLED BY +IDENTITY +ALLOWED +FAILED +DENIED/m);
});
