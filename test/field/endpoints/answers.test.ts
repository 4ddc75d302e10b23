// What stands at an endpoint that a document names, told apart by real sockets: only the service's own proxy that takes nobody without a
// certificate counts. And where nobody is asked at all.
import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTls, type TlsOptions } from 'node:tls';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { createEndpointWatch } from '../../../src/cutover/endpoint-watch.ts';
import { endpointWords } from '../../../src/cutover/endpoint-words.ts';
import { neverAsked } from '../../../src/cutover/never-asked.ts';
import { type EndpointAnswer, probeEndpoint } from '../../../src/cutover/probe-endpoint.ts';
import { verifySvid } from '../../../src/identity/x509/verify-svid.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { parseTrustDomain } from '../../../src/model/spiffe-id.ts';
import type { Protocol, ServiceKey } from '../../../src/policy/ir.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/free-ports.ts';
import { meshOf, meshText, serviceText, yaml } from '../../support/resolve-text.ts';
import { createTestCa, type TestCa } from '../../support/test-ca.ts';

const id = 'spiffe://td1/service/api';
let mesh: TestCa;
let foreign: TestCa;
const open: { close(): void }[] = [];
const sockets = new Set<Socket>();

beforeAll(async () => {
  [mesh, foreign] = await Promise.all([createTestCa(), createTestCa('another')]);
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of open.splice(0)) server.close();
});

async function listen(server: Server): Promise<number> {
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const raw = (talk: (socket: Socket) => void) => async () => listen(createServer(talk));

interface TlsKind extends TlsOptions {
  readonly from?: 'mesh' | 'foreign';
  readonly uri?: string;
  readonly lifetimeMs?: number;
}
const tlsServer =
  ({ from = 'mesh', uri = id, lifetimeMs, ...more }: TlsKind, talk: (socket: Socket) => void = () => {}) =>
  async () => {
    const ca = from === 'mesh' ? mesh : foreign;
    const { certificate, key } = await ca.issue({ uri, ...(lifetimeMs === undefined ? {} : { lifetimeMs }) });
    const server = createTls({ cert: certificate, key, ca: mesh.root, ...more }, (socket) => {
      socket.on('error', () => {});
      talk(socket);
    });
    server.on('tlsClientError', () => {});
    return listen(server);
  };
const required = { requestCert: true, rejectUnauthorized: true } as const;

/** As meshes do that take both on one port: TLS wants a certificate, and plaintext passes. */
const eitherWay = async (): Promise<number> => {
  const inner = await tlsServer(required)();
  const { connect } = await import('node:net');
  return listen(
    createServer((socket) =>
      socket.once('data', (first) => {
        if (first[0] !== 0x16) return void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
        const onward = connect(inner, '127.0.0.1');
        onward.on('error', () => {});
        onward.write(first);
        socket.pipe(onward).pipe(socket);
      }),
    ),
  );
};

const rows: readonly [string, Protocol, EndpointAnswer, () => Promise<number>][] = [
  ['its own proxy, certificates only', 'http1', 'mtls', tlsServer(required)],
  ['its own proxy, certificates only, TCP', 'tcp', 'mtls', tlsServer(required)],
  [
    'its own proxy, certificates asked for, not required',
    'http1',
    'own-tls',
    tlsServer({ requestCert: true, rejectUnauthorized: false }),
  ],
  ['its own proxy, nobody asked', 'http1', 'own-tls', tlsServer({})],
  ['its own proxy that speaks first', 'tcp', 'own-tls', tlsServer({}, (socket) => void socket.write('hello'))],
  ['TLS of another authority', 'http1', 'tls', tlsServer({ from: 'foreign' })],
  ['TLS of another authority, certificates only', 'http1', 'other-mtls', tlsServer({ from: 'foreign', ...required })],
  [
    'of another service of the mesh',
    'http1',
    'other-mtls',
    tlsServer({ uri: 'spiffe://td1/service/web', ...required }),
  ],
  ['of its own name, ended', 'http1', 'other-mtls', tlsServer({ lifetimeMs: -1000, ...required })],
  [
    'of its own name in another trust domain',
    'http1',
    'other-mtls',
    tlsServer({ uri: 'spiffe://td2/service/api', ...required }),
  ],
  [
    'TLS 1.2 only, certificates only: no caller of the mesh gets in',
    'http1',
    'other-mtls',
    tlsServer({ maxVersion: 'TLSv1.2', ...required }),
  ],
  [
    'TLS 1.3 or an alert',
    'http1',
    'other-mtls',
    tlsServer({ from: 'foreign', minVersion: 'TLSv1.3', ALPNProtocols: ['x'], ...required }),
  ],
  [
    'HTTP/1.1 in plaintext',
    'http1',
    'plaintext',
    async () => listen(createHttp((_request, response) => void response.end())),
  ],
  [
    'HTTP/1.1 that is strict about its bytes',
    'http1',
    'plaintext',
    raw((socket) => void socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))),
  ],
  ['gRPC in plaintext', 'grpc', 'plaintext', async () => listen(createHttp2())],
  ['a banner', 'tcp', 'plaintext', raw((socket) => void socket.write('SSH-2.0-x\r\n'))],
  ['TCP that waits for its client', 'tcp', 'silent', raw(() => {})],
  ['TCP that closes at once', 'tcp', 'silent', raw((socket) => void socket.end())],
  ['HTTP that waits', 'http1', 'silent', raw(() => {})],
  ['a port that takes both', 'http1', 'plaintext', eitherWay],
  ['nobody', 'http1', 'nothing', async () => (await freePorts(1))[0] ?? 0],
];

test.each(rows)('%s (%s): %s', async (_what, protocol, expected, start) => {
  const domain = parseTrustDomain('td1');
  if (domain === undefined) throw new Error('no trust domain');
  const isOwn = (chain: string): boolean => {
    try {
      return verifySvid({ chain, bundle: mesh.root, trustDomain: domain, now: Date.now() }).spiffeId === id;
    } catch {
      return false;
    }
  };
  const port = await start();
  const answer = await probeEndpoint(
    { address: '127.0.0.1', port, protocol, health: false },
    { isOwn, serverName: 'probe.invalid', onPlaintext() {} },
  );
  expect(answer).toBe(expected);
  // Nothing but a proxy that takes nobody without a certificate is fine for a strict service.
  expect(endpointWords[answer].strict === 'fine').toBe(expected === 'mtls');
});

const forbidden = [
  ...['0.0.0.0', '169.254.169.254', '169.254.1.1', '100.100.100.200', '168.63.129.16', '224.0.0.1', '255.255.255.255'],
  ...[
    '::',
    'fe80::1',
    'fd00:ec2::254',
    'ff02::1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '0:0:0:0:0:ffff:a9fe:a9fe',
  ],
  ...['64:ff9b::a9fe:a9fe', '64:ff9b::169.254.169.254', '2002:a9fe:a9fe::1', '::ffff:0.0.0.0', 'fe80::1%eth0'],
];

test.each(forbidden)('%s is never connected to, named or found by name; its neighbours are', async (address) => {
  expect(neverAsked(address)).toBeDefined();
  const asked: string[] = [];
  const ir = meshOf(
    yaml(
      meshText(),
      serviceText('api', 'http1', ', endpoints: {dns: {name: api.internal, port: 80}}'),
      serviceText('lit', 'http1', `, endpoints: {dns: {name: "${address.replace(/%.*/, '')}", port: 80}}`),
    ),
  );
  const watch = createEndpointWatch({
    mesh: () => ir,
    clock: systemClock,
    log: silentLog,
    resolve: async (name) => (name === 'api.internal' ? [{ address }, { address: '10.0.0.7' }] : [{ address }]),
    async probe(_service, endpoint) {
      asked.push(endpoint.address);
      return 'mtls';
    },
  });
  const api = ir.services.get('api' as ServiceKey);
  if (api === undefined) throw new Error('no api');
  await watch.look([...ir.services.values()]);
  watch.stop();
  expect(asked).toEqual(['10.0.0.7']);
  expect(watch.of(api).map((one) => [one.address, one.answer, one.never !== undefined])).toEqual([
    [address, undefined, true],
    ['10.0.0.7', 'mtls', false],
  ]);
});

test('a thousand endpoints: a few at once, a few a second, and each again only after half a minute', async () => {
  const endpoints = Array.from({ length: 1000 }, (_, n) => `{address: 10.1.${n >> 8}.${n & 255}, port: 80}`);
  const ir = meshOf(yaml(meshText(), serviceText('api', 'http1', `, endpoints: {static: [${endpoints.join(', ')}]}`)));
  let atOnce = 0;
  let most = 0;
  const asked: string[] = [];
  const watch = createEndpointWatch({
    mesh: () => ir,
    clock: systemClock,
    log: silentLog,
    async probe(_service, { address }) {
      asked.push(address);
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setTimeout(resolve, 600));
      atOnce--;
      return 'nothing';
    },
  });
  const began = performance.now();
  await eventually('ten were asked', () => asked.length >= 10 || undefined);
  const ms = performance.now() - began;
  expect(ms).toBeGreaterThan(2000);
  // The gate's own look ends in time, done or not.
  await watch.look([...ir.services.values()]);
  expect(performance.now() - began - ms).toBeLessThan(6000);
  watch.stop();
  expect(most).toBeLessThanOrEqual(8);
  expect(new Set(asked).size).toBe(asked.length);
}, 30_000);
