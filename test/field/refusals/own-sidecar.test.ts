// Every answer of a caller's own sidecar in the place of the service leads, by the id in it, to who answered, why, and what to do. Two
// real Envoys under one control plane. The controls: the same bytes to the application itself, and calls that go through, of which the
// caller's side logs nothing.
import { createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Explanation } from '../../../src/admin/wire.ts';
import { formatExplanation } from '../../../src/cli/output/format-explanation.ts';
import { eventually } from '../../support/eventually.ts';
import { exchange, statusOf } from '../../support/exchange.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { createLogClient, httpEntry, httpLogs, identifier } from '../../support/log-stream.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { startSidecarEnvoy } from '../../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../../support/start-envoy.ts';

const [web, api] = ['spiffe://td1/service/web', 'spiffe://td1/service/api'];
/** Those that `web` depends on. */
const names = ['api', 'grpc', 'gone', 'gone-grpc', 'refusing', 'frozen', 'closing', 'impostor'] as const;
type Name = (typeof names)[number];

const application = createServer({ maxHeaderSize: 1 << 20 }, (request, response) => {
  if (request.url?.startsWith('/slow') === true) return;
  if (request.url === '/half') {
    response.writeHead(200, { 'content-length': '10', 'x-request-id': 'of-the-application' });
    response.write('x');
    return;
  }
  response.end('from the application');
});
application.maxHeadersCount = 0;
application.on('upgrade', (_request, socket) => {
  socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
});
const quiet = (handle: (socket: { destroy(): void }) => void): Server =>
  createTcpServer((socket) => {
    socket.on('error', () => undefined);
    handle(socket);
  });
const frozen = quiet(() => undefined);
const closing = quiet((socket) => socket.destroy());

let wall: ServeHarness;
let service: RunningEnvoy;
let caller: RunningEnvoy;
let listens: readonly number[] = [];
const portOf = (name: Name): number => listens[names.indexOf(name)] ?? 0;

beforeAll(async () => {
  await Promise.all(
    [application, frozen, closing].map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))),
  );
  const bound = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
  const [inbound = 0, nobody = 0, ...rest] = await freePorts(2 + names.length);
  listens = rest;
  const at = (port: number): string =>
    `, timeouts: {connect: 300ms}, retries: {attempts: 0}, endpoints: {static: [{address: 127.0.0.1, port: ${port}}]}`;
  wall = await startServe(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: permissive}}',
      serviceText('api', 'http1', ', timeouts: {request: 2s}, mtls: {mode: permissive}'),
      serviceText('grpc', 'grpc'),
      serviceText('gone'),
      serviceText('gone-grpc', 'grpc'),
      serviceText('refusing', 'http1', at(nobody)),
      serviceText('frozen', 'http1', at(bound(frozen))),
      serviceText('closing', 'http1', at(bound(closing))),
      serviceText('impostor', 'http1', at(inbound)),
      serviceText('w'),
      serviceText(
        'web',
        'http1',
        `, dependsOn: [${names.map((name) => `{service: ${name}, listen: ${portOf(name)}}`).join(', ')}]`,
      ),
      policyText(
        'api',
        'api',
        'allow',
        '[{from: [{service: web}], to: [{path: {prefix: /open}}, {path: {exact: /half}}, {path: {prefix: /slow}}]}]',
      ),
    ),
  );
  service = await startSidecarEnvoy(wall, api, { variant: 'delta', inbound, application: bound(application) });
  caller = await startSidecarEnvoy(wall, web, { variant: 'delta' });
  await eventually('api answers', async () => (await call('api', get('/open')).catch(() => 0)) === 200 || undefined);
}, 60_000);
afterAll(async () => {
  await caller?.stop();
  await service?.stop();
  await wall?.stop();
  for (const server of [application, frozen, closing]) server.close();
  application.closeAllConnections();
});

const get = (path: string, headers = 'Host: a\r\n', method = 'GET'): string =>
  `${method} ${path} HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`;
const upgrade = 'GET /cable HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const lines = (count: number): string => Array.from({ length: count }, (_, index) => `x-${index}: 1\r\n`).join('');

async function call(name: Name, bytes: string): Promise<number> {
  return statusOf(await exchange({ port: portOf(name), bytes }));
}
function idIn(answer: string): string {
  return /^x-request-id: (\S+)/im.exec(answer)?.[1] ?? '';
}
const explained = (id: string): Promise<Explanation> =>
  eventually('the explanation', () => wall.admin.explainRequest(id).catch(() => undefined));

interface Row {
  readonly what: string;
  readonly to: Name;
  readonly bytes: string;
  readonly status: number;
  /** What the application alone answers; none where it is not reached even then. */
  readonly alone?: number;
  readonly why: RegExp;
  readonly advice: RegExp;
}

const rows: readonly Row[] = [
  {
    ...{
      what: 'too many headers',
      to: 'api',
      bytes: get('/open', `Host: a\r\n${lines(1100)}`),
      status: 431,
      alone: 200,
    },
    ...{ why: /over 1,000 headers/, advice: /send fewer/ },
  },
  {
    ...{ what: 'headers too large', to: 'api', bytes: get('/open', `Host: a\r\nx: ${'y'.repeat(300_000)}\r\n`) },
    ...{ status: 431, alone: 200, why: /over 256 KiB/, advice: /send less/ },
  },
  {
    ...{
      what: 'a Host of somebody else',
      to: 'api',
      bytes: get('/open?secret', 'Host: evil.example\r\n'),
      status: 403,
    },
    ...{ alone: 200, why: /a Host that is not served/, advice: /`hosts`/ },
  },
  {
    ...{ what: 'a WebSocket to gRPC', to: 'grpc', bytes: upgrade, status: 403, alone: 200 },
    ...{ why: /asks for a WebSocket/, advice: /upgrades: \[websocket\]/ },
  },
  {
    ...{ what: 'no Host', to: 'api', bytes: get('/open', ''), status: 400, alone: 400 },
    ...{ why: /has no Host/, advice: /send one/ },
  },
  {
    ...{ what: 'OPTIONS *', to: 'api', bytes: get('*', 'Host: a\r\n', 'OPTIONS'), status: 404, alone: 200 },
    ...{ why: /has no path/, advice: /path that begins/ },
  },
  {
    ...{ what: 'CONNECT', to: 'api', bytes: get('a:1', 'Host: a:1\r\n', 'CONNECT'), status: 404, alone: 0 },
    ...{ why: /has no path/, advice: /tcp/ },
  },
  {
    ...{ what: 'a fragment', to: 'api', bytes: get('/open#x'), status: 400, alone: 200 },
    ...{ why: /fragment/, advice: /differently/ },
  },
  {
    ...{
      what: 'a name with a space',
      to: 'api',
      bytes: get('/open', 'Host: a\r\nx y: 1\r\n'),
      status: 400,
      alone: 400,
    },
    ...{ why: /not valid HTTP/, advice: /differently/ },
  },
  {
    ...{ what: 'a control character', to: 'api', bytes: get('/open', 'Host: a\r\nx: \0\r\n'), status: 400, alone: 400 },
    ...{ why: /control character/, advice: /differently/ },
  },
  {
    ...{ what: 'a path that is not ASCII', to: 'api', bytes: get('/open/caf\xc3\xa9'), status: 400, alone: 400 },
    ...{ why: /path is not ASCII/, advice: /differently/ },
  },
  {
    ...{ what: 'a path that is not ASCII, to gRPC', to: 'grpc', bytes: get('/caf\xc3\xa9'), status: 400 },
    ...{ why: /path is not ASCII/, advice: /differently/ },
  },
  {
    ...{ what: 'two lengths', to: 'api', bytes: get('/open', 'Host: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n') },
    ...{ status: 400, alone: 400, why: /not valid HTTP/, advice: /differently/ },
  },
  {
    ...{ what: 'a length and chunks', to: 'api', status: 400, alone: 400 },
    bytes: get('/open', 'Host: a\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n', 'POST'),
    ...{ why: /both a length and chunks/, advice: /one of the two/ },
  },
  {
    ...{ what: 'another transfer encoding', to: 'api', status: 501, alone: 200 },
    bytes: get('/open', 'Host: a\r\ntransfer-encoding: gzip\r\n', 'POST'),
    ...{ why: /"chunked"/, advice: /chunked/ },
  },
  {
    ...{ what: 'nobody serves', to: 'gone', bytes: get('/x'), status: 503 },
    ...{ why: /gone has no endpoint/, advice: /cellwall status/ },
  },
  {
    ...{ what: 'nobody listens', to: 'refusing', bytes: get('/x'), status: 503 },
    ...{ why: /nothing listens at the endpoint of refusing/, advice: /30 s/ },
  },
  {
    ...{ what: 'nobody takes the connection', to: 'frozen', bytes: get('/x'), status: 503 },
    ...{ why: /accepted the connection in time/, advice: /timeouts.connect/ },
  },
  {
    ...{ what: 'whoever listens closes', to: 'closing', bytes: get('/x'), status: 503 },
    ...{ why: /failed before a request/, advice: /not a sidecar/ },
  },
  {
    ...{ what: 'somebody else is there', to: 'impostor', bytes: get('/x'), status: 503 },
    ...{ why: /somebody else's certificate/, advice: /endpoints/ },
  },
  {
    ...{ what: 'too late an answer', to: 'api', bytes: get('/slow/x?secret'), status: 504 },
    ...{ why: /timeouts.request/, advice: /may have been executed/ },
  },
];

test.each(rows)('$what: $status', async ({ to, bytes, status, alone, why, advice }) => {
  if (alone !== undefined) {
    const port = (application.address() as AddressInfo).port;
    expect(statusOf(await exchange({ port, bytes }))).toBe(alone);
  }
  const answer = await exchange({ port: portOf(to), bytes });
  expect(statusOf(answer)).toBe(status);
  const id = idIn(answer);
  expect(answer).toContain(`(answered by the caller's own sidecar; request id ${id})`);
  const found = await explained(id);
  expect(found).toMatchObject({
    ...{ decision: 'refused', stage: 'own-sidecar', caller: web, callerService: 'web', target: to },
    document: 'Service/web',
    recorded: [{ requestId: id, node: `${web}~a1`, side: 'caller', status, why: expect.stringMatching(why) }],
  });
  expect(found.reason).toMatch(why);
  expect(found.notes[0]).toMatch(advice);
  expect(JSON.stringify(found)).not.toContain('secret');
  const text = formatExplanation(found, { caller: '', target: '' });
  expect(text).toContain(`REFUSED: web's own sidecar (${web}~a1) answered ${status} itself`);
  expect(text).toMatch(why);
});

test('what is no HTTP stands in `status` under the service whose application sent it; a request after an empty line is one', async () => {
  const told = async (): Promise<number> => {
    const { handshakes } = await wall.admin.traffic();
    const own = handshakes.filter(
      ({ service: of, why }) => of === 'web' && why.includes('to the port of api is no HTTP'),
    );
    return own.reduce((sum, { count }) => sum + count, 0);
  };
  const before = await told();
  expect(await call('api', `\r\n${get('/open')}`)).toBe(200);
  expect(await call('api', `\r\n${get('/closed')}`)).toBe(403);
  for (const bytes of ['*1\r\n$4\r\nPING\r\n', 'backchannel\0\0\0\x01']) await exchange({ port: portOf('api'), bytes });
  await eventually('both are told', async () => (await told()) === before + 2 || undefined);
});

test('gRPC: the id is in the message of the status', async () => {
  const [status, message] = await new Promise<readonly [string, string]>((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${portOf('gone-grpc')}`);
    session.on('error', reject);
    const sent = session.request({ ':method': 'POST', ':path': '/pkg.S/M', 'content-type': 'application/grpc' });
    sent.on('response', (headers) => {
      resolve([String(headers['grpc-status']), decodeURIComponent(String(headers['grpc-message']))]);
      session.close();
    });
    sent.on('error', reject);
    sent.end();
  });
  expect(status).toBe('14');
  const id = /request id ([0-9a-f-]{36})/.exec(message)?.[1] ?? '';
  const found = await explained(id);
  expect(found).toMatchObject({
    stage: 'own-sidecar',
    target: 'gone-grpc',
    recorded: [{ path: '/pkg.S/M', side: 'caller' }],
  });
  expect(found.reason).toContain('gone-grpc has no endpoint');
});

test('an id that both sides know shows both, each with who says it', async () => {
  const trace = 'X-Request-Id: trace-1\r\n';
  expect(await call('api', get('/closed', `Host: a\r\n${trace}`))).toBe(403);
  expect(await call('gone', get('/x', `Host: a\r\n${trace}`))).toBe(503);
  const both = await eventually('both', async () => {
    const found = await wall.admin.explainRequest('trace-1').catch(() => undefined);
    return found?.recorded?.length === 2 ? found : undefined;
  });
  expect(both.recorded?.map(({ side, node }) => [side, node]).toSorted()).toEqual([
    ['caller', `${web}~a1`],
    ['service', `${api}~a1`],
  ]);
  expect(both.notes[0]).toContain('a caller chose this id');
});

test(
  'what goes through is not logged by the caller, nor is what broke off: an id that the application answers leads ' +
    'to nothing',
  async () => {
    const written = async (): Promise<number> => {
      const stats = await (await fetch(`${caller.admin}/stats?filter=access_logs.grpc_access_log`)).text();
      return Number(/logs_written: (\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await written();
    for (let sent = 0; sent < 50; sent++) {
      expect(await call('api', get('/open', `Host: a\r\nX-Request-Id: fine-${sent}\r\n`))).toBe(200);
    }
    // Refused by the service: it logs that, and the caller passes it on.
    expect(await call('api', get('/closed'))).toBe(403);
    expect(await written()).toBe(before);
    await exchange({ port: portOf('api'), bytes: get('/half') });
    const later = await exchange({ port: portOf('gone'), bytes: get('/last') });
    await explained(idIn(later));
    for (const id of ['fine-0', 'fine-49', 'of-the-application']) {
      await expect(wall.admin.explainRequest(id)).rejects.toMatchObject({ code: 'not_found' });
    }
    figure('allowedCallsLoggedByTheCaller', (await written()) - before - 2);
    expect((await written()) - before).toBeLessThanOrEqual(2);
  },
);

test('none of it is traffic of any service, nor a gap, nor a reason of the gate', async () => {
  const { traffic } = await wall.admin.traffic();
  expect([...new Set(traffic.map((row) => row.service))]).toEqual(['api']);
  const text = yaml(serviceText('api', 'http1', ', timeouts: {request: 2s}, mtls: {mode: strict}'));
  const answer = await wall.admin.simulate({ text, since: '1h' });
  if (answer.kind !== 'simulation') throw new Error(JSON.stringify(answer));
  expect(answer.incomplete.flatMap(({ gaps }) => gaps)).toEqual([]);
});

test('W cannot put words into the mouth of another sidecar, nor before those of it', async () => {
  const answer = await exchange({ port: portOf('gone'), bytes: get('/of-web') });
  const id = idIn(answer);
  await explained(id);
  const w = await wall.enrol('spiffe://td1/service/w');
  const log = createLogClient(wall.xdsPort, w);
  const stream = log.open();
  await stream.send(identifier('spiffe://td1/service/w~1', 'outbound/gone/own'));
  const forged = { principal: web, path: '/forged', details: 'no_healthy_upstream' };
  await stream.send(httpLogs([httpEntry({ ...forged, told: id }), httpEntry({ ...forged, told: 'of-w' })]));
  expect(await explained('of-w')).toMatchObject({
    callerService: 'w',
    recorded: [{ node: 'spiffe://td1/service/w~1' }],
  });
  const found = await explained(id);
  expect(found).toMatchObject({
    callerService: 'web',
    recorded: [
      { path: '/of-web', node: `${web}~a1` },
      { path: '/forged', node: 'spiffe://td1/service/w~1' },
    ],
  });
  expect(found.notes[0]).toContain('other proxies reported this id later');
  // With another's name the stream is refused.
  const liar = log.open();
  await liar.send(identifier(`${web}~a1`, 'outbound/gone/own'));
  expect((await liar.ended).code).not.toBe(0);
  log.close();
});
