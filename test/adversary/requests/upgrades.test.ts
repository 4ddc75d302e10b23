// A request that asks for a WebSocket is judged; what follows it is not looked at. So nothing may follow before the application has
// agreed: one that does not would take it for requests that no rule has seen. The control is the same bytes without the wall.
import { type AddressInfo, createServer } from 'node:net';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SpiffeId } from '../../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../../src/policy/ir.ts';
import { exchange, statusOf } from '../../support/exchange.ts';
import { figure } from '../../support/figure.ts';
import { meshOf } from '../../support/resolve-text.ts';
import { createTestCa, type TestCertificate } from '../../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../../support/translated-proxy.ts';
import { idOf, meshDocument, policyDocument, serviceDocument } from '../../translate/mesh-text.ts';

/** As servers read that know no upgrades: request after request, each without a body. Answers late, so that more may have come. */
const seen: string[] = [];
const application = createServer((socket) => {
  let bytes = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.toString('latin1');
    for (let end = bytes.indexOf('\r\n\r\n'); end !== -1; end = bytes.indexOf('\r\n\r\n')) {
      seen.push(bytes.slice(0, bytes.indexOf(' HTTP')));
      bytes = bytes.slice(end + 4);
      setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), 100);
    }
  });
});
let proxy: TranslatedProxy;
let port: number;
let web: TestCertificate;
let stranger: TestCertificate;

beforeAll(async () => {
  const ca = await createTestCa('mesh root');
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  const mesh = meshOf(
    [
      meshDocument('strict'),
      serviceDocument('api', 'cell-1', '{protocol: http1, upgrades: [websocket], health: {path: /-/healthy}}'),
      serviceDocument('web', 'cell-1', '{protocol: http1}'),
      serviceDocument('other', 'cell-1', '{protocol: http1}'),
      policyDocument(
        'open',
        'cell-1',
        '{target: {service: api}, action: allow, rules: [{from: [{service: web}], to: [{path: {exact: /open}}]}]}',
      ),
    ].join(''),
  );
  proxy = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map() } },
    {
      spiffeId: idOf('api', 'cell-1') as SpiffeId,
      service: 'cell-1/api' as ServiceKey,
      ports: [
        {
          name: 'default',
          inbound: { address: '127.0.0.1', port: 0 },
          application: { address: '127.0.0.1', port: (application.address() as AddressInfo).port },
        },
      ],
    },
    await ca.issue({ uri: idOf('api', 'cell-1') }),
  );
  web = await ca.issue({ uri: idOf('web', 'cell-1') });
  stranger = await ca.issue({ uri: idOf('other', 'cell-1') });
  port = await proxy.envoy.port('inbound');
  await vi.waitFor(async () => expect(statusOf(await exchange({ port, bytes: plain('/open'), tls: web }))).toBe(200), {
    timeout: 10_000,
  });
}, 30_000);

afterAll(async () => {
  await proxy.stop();
  application.close();
});

const plain = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
const asking = (path: string, headers = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: ` +
  `13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`;

/** All that the application heard of the bytes, in so many parts. */
async function heard(parts: readonly string[], svid: TestCertificate): Promise<readonly string[]> {
  seen.splice(0);
  const socket = connect({ host: '127.0.0.1', port, cert: svid.certificate, key: svid.key, rejectUnauthorized: false });
  socket.on('error', () => undefined);
  socket.resume();
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  for (const part of parts) {
    socket.write(part);
    await vi.waitFor(() => expect(seen).not.toEqual([]));
  }
  // Whatever was to follow has come by then: it takes the same way, and longer.
  expect(statusOf(await exchange({ port, bytes: plain('/open?last'), tls: web }))).toBe(200);
  socket.destroy();
  return seen.splice(0);
}

test('the control: without the wall both requests arrive', async () => {
  seen.splice(0);
  await exchange({ port: (application.address() as AddressInfo).port, bytes: asking('/open') + plain('/admin') });
  await vi.waitFor(() => expect(seen).toEqual(['GET /open', 'GET /admin']));
});

test('the control: /admin is refused', async () => {
  expect(statusOf(await exchange({ port, bytes: plain('/admin'), tls: web }))).toBe(403);
});

describe.each([
  ['a caller who may call one path', () => web, '/open'],
  ['a caller without rights, by the health path', () => stranger, '/-/healthy'],
] as const)('%s', (_who, svid, path) => {
  test.each<readonly [string, readonly string[]]>([
    ['in one piece', [asking(path) + plain('/admin')]],
    ['in two', [asking(path), plain('/admin')]],
    ['with a length', [asking(path, 'Content-Length: 0\r\n') + plain('/admin')]],
    ['in chunks', [`${asking(path, 'Transfer-Encoding: chunked\r\n')}0\r\n\r\n${plain('/admin')}`]],
  ])('a second request behind one that asks for a WebSocket, %s', async (_how, parts) => {
    const arrived = await heard(parts, svid());
    const smuggled = arrived.filter((one) => one.includes('/admin')).length;
    figure('requestsBehindAnUpgrade', smuggled);
    expect(arrived[0]).toBe(`GET ${path}`);
    expect(smuggled).toBe(0);
  });
});
