// HTTP/2 that becomes HTTP/1.1 behind the wall: what a pseudo-header or a name may hold there, and a request line may not, would be
// another request to the application. Nothing of the kind arrives. The control is the same caller with a plain request.
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ServiceKey } from '../../../src/policy/ir.ts';
import { figure } from '../../support/figure.ts';
import { callRaw, type Headers, head } from '../../support/raw-http2-ends.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { createTestCa } from '../../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../../support/translated-proxy.ts';

const api = 'api' as ServiceKey;
/** Heads of requests, as bytes. */
const arrived: string[] = [];
const application = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.on('data', (bytes: Buffer) => {
    arrived.push(bytes.toString('latin1'));
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  });
});
let proxy: TranslatedProxy;
let port = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  const mesh = meshOf(
    yaml(
      meshText('permissive'),
      serviceText('api', 'http1', ', upgrades: [websocket]'),
      policyText('allow', 'api', 'allow', '[{from: [{anonymous: true}], to: [{path: {prefix: /public}}]}]'),
    ),
  );
  const service = mesh.services.get(api);
  if (service === undefined) throw new Error('no service');
  const ca = await createTestCa();
  proxy = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map() } },
    {
      spiffeId: service.spiffeId,
      service: api,
      ports: [
        {
          name: 'default',
          inbound: { address: '127.0.0.1', port: 0 },
          application: { address: '127.0.0.1', port: (application.address() as AddressInfo).port },
        },
      ],
    },
    await ca.issue({ uri: service.spiffeId }),
  );
  port = await proxy.envoy.port('inbound');
}, 30_000);
afterAll(async () => {
  await proxy?.stop();
  application.close();
});

const plain: Headers = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/public'],
  [':authority', 'api'],
];
const other = (name: string, value: string): Headers => plain.map((one) => (one[0] === name ? [name, value] : one));
const without = (name: string): Headers => plain.filter(([one]) => one !== name);
const more = (name: string, value: string): Headers => [...plain, [name, value]];

async function ask(headers: Headers): Promise<string | undefined> {
  const caller = callRaw(port);
  caller.send(head(1, headers));
  const status = await caller.status(1);
  caller.end();
  return status;
}

beforeEach(() => {
  arrived.length = 0;
});

test('the control: a plain request arrives as it is', async () => {
  expect(await ask(plain)).toBe('200');
  expect(arrived.join('')).toMatch(/^GET \/public HTTP\/1\.1\r\nhost: api\r\n/);
});

test.each<readonly [string, Headers]>([
  ['a path and a version in the method', other(':method', 'GET /admin HTTP/1.1')],
  ['a path in the method', other(':method', 'GET /admin?')],
  ['a tab in the method', other(':method', 'GET\t/admin')],
  ['a request in the method', other(':method', 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\nGET')],
  ['no letter in the method', other(':method', '')],
  ['a separator in the method', other(':method', 'G(ET')],
  ['a second path behind a blank', other(':path', '/public /admin')],
  ['a version in the path', other(':path', '/public HTTP/1.1')],
  ['a tab in the path', other(':path', '/public\t/admin')],
  ['a line in the path', other(':path', '/public\r\nx-cellwall-peer-id: a')],
  ['another host in the path', other(':path', 'http://x/admin')],
  ['no slash', other(':path', 'public')],
  ['a fragment', other(':path', '/public#/../admin')],
  ['a star', other(':path', '*')],
  ['a second path', more(':path', '/admin')],
  ['a blank in the authority', other(':authority', 'a b')],
  ['a user in the authority', other(':authority', 'evil@api')],
  ['a path in the authority', other(':authority', 'api/admin')],
  ['an empty authority', other(':authority', '')],
  ['two hosts', [...without(':authority'), ['host', 'a'], ['host', 'b']]],
  ['a URI in the scheme', other(':scheme', 'http://x/admin?')],
  ['a line in the scheme', other(':scheme', 'http\r\nx: y')],
  [
    'CONNECT',
    [
      [':method', 'CONNECT'],
      [':authority', 'api'],
    ],
  ],
  ['extended CONNECT (RFC 8441)', [...other(':method', 'CONNECT'), [':protocol', 'websocket']]],
  ['a protocol without CONNECT', more(':protocol', 'websocket')],
  ['a pseudo-header behind a header', [...without(':authority'), ['a', 'b'], [':authority', 'api']]],
  ['transfer-encoding', more('transfer-encoding', 'chunked')],
  ['connection', more('connection', 'x-cellwall-peer-id')],
  ['an upgrade', [...plain, ['connection', 'upgrade'], ['upgrade', 'websocket']]],
  ['te', more('te', 'gzip')],
  ['a blank in a name', more('x y', 'b')],
  ['a colon in a name', more('x:y', 'b')],
  ['a line in a name', more('x\r\ny', 'b')],
  ['capitals in a name', more('X-Cellwall-Peer-Id', 'b')],
  ['a line in a value', more('x', 'a\r\nx-cellwall-peer-id: b')],
  ['a line feed in a value', more('x', 'a\nx-cellwall-peer-id: b')],
  ['a carriage return in a value', more('x', 'a\rx-cellwall-peer-id: b')],
  ['a NUL in a value', more('x', 'a\0b')],
])('nothing arrives of %s', async (_what, headers) => {
  expect(await ask(headers)).not.toBe('200');
  // What is on its way has come before this.
  expect(await ask(plain)).toBe('200');
  figure('oddRequestsArrived', arrived.length - 1);
  expect(arrived.length).toBe(1);
  expect(arrived[0]).toMatch(/^GET \/public HTTP\/1\.1\r\nhost: api\r\n/);
});

test('of two names of the host, the one that the wall went by arrives alone', async () => {
  expect(await ask(more('host', 'evil'))).toBe('200');
  expect(arrived.join('')).toContain('host: api\r\n');
  expect(arrived.join('')).not.toContain('evil');
});
