// Calls that fail for real, through Envoys under one control plane: after each, `doctor CALLER SERVICE` names its cause, before whatever
// else it knows of, and what to do. The control: before any has failed, it finds nothing.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BrokenApplication, startBrokenApplication, startBrokenGrpc } from '../../support/broken-application.ts';
import { eventually } from '../../support/eventually.ts';
import { exchange, statusOf } from '../../support/exchange.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { createTokenKey, mintToken } from '../../support/mint-token.ts';
import { meshText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { startSidecarEnvoy } from '../../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../../support/start-envoy.ts';
import { createTestCa, type TestCa, type TestCertificateOptions } from '../../support/test-ca.ts';
import { diagnosed, type Expected, tried } from './diagnosed.ts';
import { request, requestRows } from './request-rows.ts';

/** What listens at endpoints that services name themselves. */
const places = ['refusing', 'frozen', 'closing', 'impostor', 'plain', 'ended', 'early', 'stranger'] as const;
type Place = (typeof places)[number];
const names = ['api', 'grpc', 'gone', ...places] as const;
type Name = (typeof names)[number];

const folder = mkdtempSync(join(tmpdir(), 'cellwall-doctor-'));
const key = createTokenKey();
const issuer = 'https://gitlab.test';
const servers: Server[] = [];
const envoys: RunningEnvoy[] = [];
let wall: ServeHarness;
let http: BrokenApplication;
let grpc: BrokenApplication;
let listens: readonly number[] = [];
let direct = 0;
/** Behind no wall: it answers whatever it is sent. */
let tolerant = 0;
let diagnosedCalls = 0;
const portOf = (name: Name): number => listens[names.indexOf(name)] ?? 0;

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
const tcp = (handle: (socket: Socket) => void): Promise<number> =>
  listen(createServer((socket) => handle(socket.on('error', () => undefined))));
/** Whoever has that certificate, over TLS, which answers every request. */
async function tls(ca: TestCa, options: TestCertificateOptions): Promise<number> {
  const { certificate, key: own } = await ca.issue(options);
  const server = createTlsServer({
    cert: certificate,
    key: own,
    ca: ca.root,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on('tlsClientError', () => undefined).on('secureConnection', (socket) => socket.on('error', () => undefined));
  return listen(server);
}

beforeAll(async () => {
  const [own, other] = await Promise.all([createTestCa('added root'), createTestCa('another root')]);
  const roots = join(folder, 'roots.pem');
  writeFileSync(roots, own.root);
  [http, grpc] = await Promise.all([startBrokenApplication(), startBrokenGrpc()]);
  const [toApi = 0, toGrpc = 0, nobody = 0, ...rest] = await freePorts(3 + names.length);
  listens = rest;
  direct = toApi;
  tolerant = await tcp((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')),
  );
  const at: Readonly<Record<Place, number>> = {
    refusing: nobody,
    frozen: await tcp(() => undefined),
    closing: await tcp((socket) => socket.destroy()),
    impostor: toGrpc,
    plain: await tcp((socket) =>
      socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')),
    ),
    ended: await tls(own, { uri: 'spiffe://td1/service/ended', beginsInMs: -7_200_000, lifetimeMs: -3_600_000 }),
    early: await tls(own, { uri: 'spiffe://td1/service/early', beginsInMs: 1_800_000 }),
    stranger: await tls(other, { uri: 'spiffe://td1/service/stranger' }),
  };
  wall = await startServe(
    yaml(
      meshText('strict', `, jwtIssuers: [{name: gitlab, issuer: "${issuer}", jwks: '{"keys": [${key.jwk}]}'}]`),
      serviceText('api', 'http1', ', timeouts: {request: 3s}, retries: {attempts: 0}'),
      serviceText('grpc', 'grpc', ', retries: {attempts: 0}'),
      serviceText('gone'),
      serviceText('w'),
      ...places.map((name) =>
        serviceText(
          name,
          'http1',
          `, timeouts: {connect: 300ms}, retries: {attempts: 0}, endpoints: {static: [{address: 127.0.0.1, port: ${at[name]}}]}`,
        ),
      ),
      ...['grpc', 'gone', ...places].map((name) => policyText(name, name, 'allow', '[{from: [{service: web}]}]')),
      policyText(
        'api',
        'api',
        'allow',
        '[{from: [{service: web}], to: [{methods: [GET, POST, HEAD], path: {prefix: /fine}}, ' +
          `${['twice', 'garbage', 'headers', 'closes', 'resets', 'half', 'bad-chunk', 'slow', 'denied']
            .map((path) => `{methods: [GET], path: {prefix: /${path}}}`)
            .join(', ')}]}, ` +
          '{from: [{service: web, jwt: {issuer: gitlab, audience: api}}], to: [{path: {exact: /token}}]}]',
      ),
      policyText('never', 'api', 'deny', '[{from: [{service: web}], to: [{path: {prefix: /denied}}]}]'),
      serviceText(
        'web',
        'http1',
        `, dependsOn: [${names.map((name) => `{service: ${name}, listen: ${portOf(name)}}`).join(', ')}]`,
      ),
    ),
    { ca: { extraRoots: roots } },
  );
  const start = async (name: string, inbound?: object): Promise<void> =>
    void envoys.push(await startSidecarEnvoy(wall, `spiffe://td1/service/${name}`, { variant: 'delta', ...inbound }));
  await start('api', { inbound: toApi, application: http.port });
  await start('grpc', { inbound: toGrpc, application: grpc.port });
  await start('web');
  const works = async (): Promise<boolean | undefined> =>
    (await send('api', request('/fine')).catch(() => 0)) === 200 || undefined;
  await eventually('api answers', works, 30_000);
}, 90_000);
afterAll(async () => {
  figure('failingCallsDiagnosed', diagnosedCalls);
  for (const envoy of envoys) await envoy.stop();
  await wall?.stop();
  for (const server of servers) server.close();
  http?.stop();
  grpc?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const send = async (to: Name, bytes: string): Promise<number> => statusOf(await exchange({ port: portOf(to), bytes }));
async function judged(caller: string, target: string, expected: Expected): Promise<void> {
  await diagnosed(wall, caller, target, expected);
  diagnosedCalls++;
}

test('where no call was made nothing is found, and nobody calls it fine; HTTP/1.0 is no fault', async () => {
  expect(await wall.admin.doctor({ caller: 'web', target: 'grpc' })).toMatchObject({
    ...{ verdict: 'unknown', findings: [], unseen: [expect.stringContaining('no call is on record')] },
  });
  expect(await send('api', 'GET /fine HTTP/1.0\r\n\r\n')).toBe(200);
  const works = async (): Promise<true | undefined> => {
    const { verdict, checked } = await wall.admin.doctor({ caller: 'web', target: 'api' });
    // A call before its sidecar was there may have failed.
    return (verdict !== 'broken' && checked.some((line) => line.includes('got through'))) || undefined;
  };
  await eventually('the call is on record', works, 20_000);
});

/** By the wall, for what it is. */
const isRefused = (cause: string): boolean => !cause.startsWith('application-') && cause !== 'answer-slow';

test.each(tried(requestRows, 4))('$call: $cause', async ({ to, bytes, status, ...expected }) => {
  expect(await send(to, bytes)).toBe(status);
  await judged('web', to, expected);
  // The control: what the wall refused passes without it; where the application is at fault, its other answers pass the wall.
  if (isRefused(expected.cause)) expect(statusOf(await exchange({ port: tolerant, bytes }))).toBe(200);
  else expect(await send('api', request('/fine'))).toBe(200);
  if (expected.path === undefined) return;
  // Its log entry must not come after that of the next call.
  const isTold = async (): Promise<true | undefined> =>
    (await wall.admin.doctor({ caller: 'web', target: to })).operation.path === '/fine/x' || undefined;
  await eventually('it is told', isTold, 20_000);
});

const placeRows: readonly (Expected & { readonly to: Name })[] = [
  { to: 'gone', cause: 'no-proxy', what: /no sidecar of gone/, toDo: /cellwall sidecar --service/ },
  {
    to: 'refusing',
    cause: 'endpoint-refuses',
    what: /nothing listens at the endpoint of refusing/,
    toDo: /`endpoints`/,
  },
  {
    to: 'frozen',
    cause: 'endpoint-plaintext',
    what: /takes connections, speaks no TLS/,
    toDo: /start a sidecar there/,
  },
  { to: 'closing', cause: 'endpoint-fails|endpoint-plaintext', what: /failed before|no TLS/, toDo: /sidecar/ },
  { to: 'impostor', cause: 'endpoint-wrong-identity', what: /somebody else's certificate/, toDo: /endpoints/ },
  { to: 'plain', cause: 'endpoint-plaintext', what: /plaintext|speaks no TLS/, toDo: /start a sidecar there/ },
  { to: 'ended', cause: 'endpoint-certificate-ended', what: /has ended/, toDo: /does not renew/ },
  { to: 'early', cause: 'endpoint-certificate-not-yet', what: /not valid yet/, toDo: /synchronize the clocks/ },
  { to: 'stranger', cause: 'endpoint-not-trusted', what: /trusted|certificate/, toDo: /sidecar/ },
];

test.each(tried(placeRows, 2))('at the endpoint of $to: $cause', async ({ to, ...expected }) => {
  expect(await send(to, request('/x?secret'))).toBe(503);
  await judged('web', to, expected);
});

const grpcRows = [
  ['/pkg.S/Resets', 'application-resets', /reset the call/, /application's log/],
  ['/pkg.S/Refuses', 'application-refuses-streams', /refused the stream/, /fewer streams/],
  ['/pkg.S/Ends', 'application-closes', /closed the connection/, /application's log/],
] as const;

test.each(tried(grpcRows, 1))('gRPC, %s: %s', async (path, cause, what, toDo) => {
  const status = await new Promise<string>((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${portOf('grpc')}`).on('error', reject);
    const sent = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    sent.on('response', (headers) => {
      resolve(String(headers['grpc-status']));
      session.close();
    });
    sent.on('error', reject).end();
  });
  expect(status).toBe('14');
  await judged('web', 'grpc', { cause, what, toDo });
});

test('plaintext to a strict service', async () => {
  const socket = connect({ host: '127.0.0.1', port: direct }).on('error', () => undefined);
  await new Promise((resolve) => socket.on('close', resolve).resume().write(request('/fine')));
  await judged('anonymous', 'api', {
    cause: 'plaintext-caller',
    what: /api is strict, and plaintext/,
    toDo: /its own sidecar/,
  });
});

if (qualifying) {
  test('a token that has ended counts as none', async () => {
    const token = mintToken({ iss: issuer, aud: 'api', claims: {}, expiresIn: -600, by: key.privateKey });
    const status = await send('api', request('/token', `Host: a\r\nAuthorization: Bearer ${token}\r\n`));
    expect(status).toBeGreaterThan(400);
    await judged('web', 'api', { cause: 'token-missing', what: /token of gitlab/, toDo: /has ended/ });
  });

  test('a caller that no rule knows, then one that is banned', async () => {
    const { chain, key: own } = await wall.enrol('spiffe://td1/service/w');
    const svid = { certificate: readFileSync(chain, 'utf8'), key: readFileSync(own, 'utf8') };
    const ask = async (): Promise<number> =>
      statusOf(await exchange({ port: direct, bytes: request('/fine'), tls: svid }));
    expect(await ask()).toBe(403);
    await judged('w', 'api', { cause: 'denied', what: /policy denies GET \/fine/, toDo: /apply the rule/ });
    await wall.admin.ban({ identity: 'w', reason: 'stolen' });
    await eventually('it is refused otherwise', async () => (await ask()) !== 200 || undefined);
    await judged('w', 'api', { cause: 'banned', what: /banned/, toDo: /cellwall unban/ });
  });
}
