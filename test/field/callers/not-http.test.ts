// Bytes that are no HTTP on the inbound port of an HTTP or gRPC service, permissive or strict with a health path: the connection ends at
// once, stands in `status` with its address, and never reaches the application. The controls: HTTP and TLS in every form go on as
// before, and without the wall the application itself hears each of these bytes.
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { exchange, statusOf } from '../../support/exchange.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { startSidecarEnvoy } from '../../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../../support/start-envoy.ts';

const names = ['api', 'topology', 'probed'] as const;
type Name = (typeof names)[number];
const permissive = ', mtls: {mode: permissive}';
const documents = yaml(
  'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
  serviceText('api', 'http1', permissive),
  serviceText('topology', 'grpc', permissive),
  serviceText('probed', 'http1', ', health: {path: /-/healthy}'),
  ...['api', 'topology'].map((name) => policyText(name, name, 'allow', '[{from: [{anonymous: true}]}]')),
);

/** Hears whatever comes, and answers HTTP/1.1 to what begins as a request. */
let heard = '';
const application = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1');
    if (/^[A-Z]+ \S+ HTTP/m.test(heard))
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
  });
});
const envoys: RunningEnvoy[] = [];
let ports: readonly number[] = [];
let wall: ServeHarness;
const portOf = (name: Name): number => ports[names.indexOf(name)] ?? 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  ports = await freePorts(names.length);
  wall = await startServe(documents);
  for (const name of names) {
    envoys.push(
      await startSidecarEnvoy(wall, `spiffe://td1/service/${name}`, {
        variant: 'delta',
        inbound: portOf(name),
        application: (application.address() as AddressInfo).port,
      }),
    );
  }
  await eventually('all serve', async () => {
    const { proxies } = await wall.admin.proxies();
    return proxies.filter(({ ready }) => ready).length === names.length || undefined;
  });
  for (const [name, path] of [
    ['api', '/'],
    ['probed', '/-/healthy'],
  ] as const) {
    await eventually(`${name} answers`, async () => (await ask(name, get(path)).catch(() => 0)) === 200 || undefined);
  }
}, 60_000);
afterAll(async () => {
  for (const envoy of envoys) await envoy.stop();
  await wall?.stop();
  application.close();
});

const get = (path: string, version = '1.1'): string =>
  `GET ${path} HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`;
const ask = async (name: Name, bytes: string): Promise<number> =>
  statusOf(await exchange({ port: portOf(name), bytes }));

/** How many times `status` has it. */
async function told(service: Name): Promise<number> {
  const { handshakes } = await wall.admin.traffic();
  return handshakes
    .filter(
      (one) =>
        one.service === service &&
        one.address === '127.0.0.1' &&
        one.why.startsWith('neither a valid request of HTTP nor TLS'),
    )
    .reduce((sum, { count }) => sum + count, 0);
}

interface Ended {
  readonly said: string;
  readonly ms: number;
}

/** Until the other side ends it; what it said meanwhile. */
function until(socket: Socket, bytes: string): Promise<Ended> {
  return new Promise((resolve) => {
    const begin = performance.now();
    let said = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      said += chunk.toString('latin1');
    });
    socket.on('end', () => socket.destroy());
    socket.on('close', () => resolve({ said, ms: performance.now() - begin }));
    socket.write(bytes, 'latin1');
  });
}

const noHttp: readonly (readonly [what: string, bytes: string])[] = [
  ["Gitaly's sidechannel", 'backchannel\0\0\0\x01\0\0\0\x01\0\0\0\x04pack'],
  ['Yamux', '\0\x01\0\x01\0\0\0\x01\0\x04\0\0'],
  ['Redis', '*1\r\n$4\r\nPING\r\n'],
  ['PostgreSQL', '\0\0\0\x08\x04\xd2\x16\x2f'],
  ['SSH', 'SSH-2.0-OpenSSH_9.2p1\r\n'],
  ['MySQL', '\x20\0\0\x01\x05\xa6\x03\0\0\0\0\x01\x21'],
  ['zeros', '\0'.repeat(64)],
  ['a client hello cut short and followed by others', '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00'],
  ['an alert of TLS', '\x15\x03\x03\x00\x02\x02\x28'],
  ['PROXY protocol 2', '\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c'],
];

describe.each(names)('to %s', (name) => {
  test.each(noHttp)('%s ends at once, and is told', async (_what, bytes) => {
    heard = '';
    const direct = connect({ host: '127.0.0.1', port: (application.address() as AddressInfo).port });
    direct.write(bytes, 'latin1');
    await eventually('the application alone hears it', () => heard.includes(bytes) || undefined);
    direct.destroy();
    heard = '';
    const before = await told(name);
    const { ms, said } = await until(connect({ host: '127.0.0.1', port: portOf(name) }), bytes);
    figure('endedWithinMs', Math.round(ms));
    expect(ms).toBeLessThan(900);
    expect(said).toMatch(/^(HTTP\/1\.1 40[08] |$)/);
    await eventually('it is told', async () => (await told(name)) > before || undefined);
    expect(heard).toBe('');
  });
});

test('HTTP in every form goes on', async () => {
  for (const version of ['1.0', '1.1']) expect(await ask('api', get('/', version))).toBe(200);
  // What the proxy does not know as HTTP by its first bytes, and is.
  expect(await ask('api', `\r\n${get('/')}`)).toBe(200);
  // Long lines, which the proxy reads in steps: docs/http.md says how long.
  for (const length of [12_000, 30_000, 59_000]) expect(await ask('api', get(`/${'x'.repeat(length)}`))).toBe(200);
  expect(await ask('api', get('/caf\xc3\xa9'))).not.toBe(0);
  // In pieces, slower than a packet.
  const slow = connect({ host: '127.0.0.1', port: portOf('api') });
  let answer = '';
  slow.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  const ended = new Promise<void>((resolve) => slow.on('close', () => resolve()));
  for (const piece of ['G', 'ET / HT', 'TP/1.1\r', '\nHost: a\r\nConnection: close\r\n\r\n']) {
    await new Promise<void>((resolve) => slow.write(piece, () => setImmediate(resolve)));
  }
  await ended;
  expect(statusOf(answer)).toBe(200);
  const session = connectHttp2(`http://127.0.0.1:${portOf('topology')}`);
  session.on('error', () => undefined);
  const status = await new Promise((resolve, reject) => {
    const request = session.request({ ':path': '/' });
    request.on('response', (headers) => resolve(headers[':status']));
    request.on('error', reject);
    request.end();
  });
  session.destroy();
  // The application does not speak HTTP/2: that it was asked is what counts.
  expect([502, 503]).toContain(status);
  const tls = await exchange({ port: portOf('api'), bytes: get('/'), tls: {} });
  expect(statusOf(tls)).toBe(200);
});

/** `within` in milliseconds. */
const later: readonly (readonly [what: string, within: number, end: () => Promise<Ended>])[] = [
  ['lower case, which is HTTP of an unknown method', 3000, () => speak('get / HTTP/1.1\r\n\r\n')],
  ['HTTP/2 whose preface breaks', 3000, () => speak('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')],
  ['a word that may become a request', 17_000, () => speak('hello')],
  ['who waits for a greeting', 17_000, () => speak('')],
  // The proxy sees it after the handshake alone.
  ['the same within TLS', 12_000, speakInTls],
];
/** Of HTTP/1.1, or nothing, or HTTP/2's own frames: its SETTINGS come first. */
const refusal = /^(HTTP\/1\.1 4\d\d |$|\0\0)/;

test('what may be HTTP yet is answered, or ends in the time that requests have', async () => {
  heard = '';
  const ends = await Promise.all(later.map(async ([what, within, end]) => ({ what, within, ...(await end()) })));
  for (const { what, within, said, ms } of ends) {
    expect([what, ms < within, said]).toEqual([what, true, expect.stringMatching(refusal)]);
  }
  expect(heard).toBe('');
}, 25_000);

const speak = (bytes: string): Promise<Ended> => until(connect({ host: '127.0.0.1', port: portOf('api') }), bytes);
async function speakInTls(): Promise<Ended> {
  const socket = connectTls({ host: '127.0.0.1', port: portOf('api'), rejectUnauthorized: false });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  return until(socket, 'backchannel\0\0\0\x01');
}
