// Requests of callers who want to be taken for another, or for another request, byte by byte against a real Envoy: what the
// application sees is what the rules saw.
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { constrainCa } from '../../src/identity/legacy/constrain.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import { type EchoApplication, type EchoedRequest, startHttp1Echo } from '../support/echo-application.ts';
import { httpCall } from '../support/http-call.ts';
import { meshOf } from '../support/resolve-text.ts';
import { createTestCa, type TestCertificate } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';
import { idOf, meshDocument, policyDocument, serviceDocument, trustDomain } from './mesh-text.ts';

let application: EchoApplication;
let proxy: TranslatedProxy;
let port: number;
let web: TestCertificate;

beforeAll(async () => {
  const [ca, legacy] = [await createTestCa('mesh root'), await createTestCa('legacy root')];
  application = await startHttp1Echo();
  const mesh = meshOf(
    [
      meshDocument('permissive', legacy.root),
      serviceDocument(
        'api',
        'cell-1',
        '{protocol: http1, identityHeaders: {xfcc: true, subjectDn: true}, mtls: {mode: permissive, legacyAuthority: old}}',
      ),
      policyDocument(
        'api',
        'cell-1',
        `
  target: {service: api}
  action: allow
  rules:
  - from: [{anonymous: true}]
    to: [{methods: [GET, POST], path: {prefix: /public}}]
  - from: [{spiffeId: "${idOf('web', 'cell-1')}"}]
    to: [{path: {prefix: /web}}]`,
      ),
    ].join(''),
  );
  const legacyAnchors = new Map([['old', constrainCa(new X509Certificate(legacy.root).raw, trustDomain)]]);
  proxy = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors } },
    {
      spiffeId: idOf('api', 'cell-1') as SpiffeId,
      service: 'cell-1/api' as ServiceKey,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
    },
    await ca.issue({ uri: idOf('api', 'cell-1') }),
  );
  web = await ca.issue({ uri: idOf('web', 'cell-1') });
  port = await proxy.envoy.port('inbound');
  await vi.waitFor(async () => expect((await httpCall({ port, path: '/public' })).status).toBe(200), {
    timeout: 10_000,
  });
});

afterAll(async () => {
  await proxy.stop();
  await application.stop();
});

/** Everything that comes back until the connection ends, which the request has to see to. */
function exchange(text: string, tls?: TestCertificate): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket =
      tls === undefined
        ? connect(port, '127.0.0.1')
        : connectTls({
            host: '127.0.0.1',
            port,
            rejectUnauthorized: false,
            ALPNProtocols: ['http/1.1'],
            cert: tls.certificate,
            key: tls.key,
          });
    let answer = '';
    socket.setTimeout(10_000, () => socket.destroy(new Error('the connection stayed open')));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      // Envoy lingers for a second after a reply of its own.
      if (isLast(answer.slice(answer.lastIndexOf('HTTP/1.1 ')))) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
    socket.write(Buffer.from(text, 'latin1'));
  });
}

function isLast(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n');
  const head = answer.slice(0, Math.max(end, 0));
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  return /connection: close/i.test(head) && length !== undefined && answer.length >= end + 4 + Number(length);
}

const request = (line: string, ...headers: readonly string[]): string =>
  `${[line, 'Host: a', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`;
const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
const seenIn = (answer: string): EchoedRequest => {
  const echoed = /\{.*\}/s.exec(answer)?.[0];
  if (echoed === undefined) throw new Error(`the application saw nothing: ${answer}`);
  return JSON.parse(echoed) as EchoedRequest;
};

describe('who is calling', () => {
  const told = ['x-cellwall-peer-id', 'x-cellwall-peer-cell', 'x-client-cert-subject-dn', 'x-forwarded-client-cert'];
  const forged = [
    'X-Cellwall-Peer-Id: forged',
    'x-cellwall-peer-id: again',
    'x-cellwall-peer-cell: forged',
    'X-CLIENT-CERT-SUBJECT-DN: forged',
    'X-Forwarded-Client-Cert: URI=forged',
  ];

  test('is nobody without a certificate, whatever the headers say', async () => {
    const { headers } = seenIn(await exchange(request('GET /public HTTP/1.1', ...forged)));
    expect(told.map((name) => headers[name])).toEqual([undefined, undefined, undefined, undefined]);
  });

  test('is not forgotten because the caller names it in Connection', async () => {
    const listed = request('GET /web HTTP/1.1', `Connection: ${told.join(', ')}`);
    const { headers } = seenIn(await exchange(listed, web));
    expect(headers).toMatchObject({ 'x-cellwall-peer-id': idOf('web', 'cell-1'), 'x-cellwall-peer-cell': 'cell-1' });
    expect(headers['x-forwarded-client-cert']).toContain(`URI=${idOf('web', 'cell-1')}`);
  });

  test.each([
    ['a blank before the colon', 'x-cellwall-peer-id : forged'],
    ['a NUL', 'x-a: b\0x-cellwall-peer-id: forged'],
  ])('is not hidden: %s', async (_what, line) => {
    expect(statusOf(await exchange(request('GET /public HTTP/1.1', line)))).toBe(400);
  });

  test.each([
    ['a folded line', 'x-a: b\r\n x-cellwall-peer-id: forged'],
    ['a bare CR', 'x-a: b\rx-cellwall-peer-id: forged'],
  ])('is not hidden: %s', async (_what, line) => {
    const { headers } = seenIn(await exchange(request('GET /public HTTP/1.1', line)));
    expect(headers['x-cellwall-peer-id']).toBeUndefined();
  });

  test('is not told by a trailer', async () => {
    const body = 'Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-cellwall-peer-id: forged\r\n\r\n';
    const answer = await exchange(`POST /public HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${body}`);
    expect(statusOf(answer)).toBe(200);
    expect(answer).not.toContain('forged');
  });
});

describe('what is asked for', () => {
  test.each([
    'X-HTTP-Method-Override: DELETE',
    'x-http-method: DELETE',
    'X-Method-Override: DELETE',
    'X-Original-URL: /admin',
    'X-Rewrite-URL: /admin',
  ])('is not another request by a header: %s', async (line) => {
    expect(statusOf(await exchange(request('POST /public HTTP/1.1', 'Content-Length: 0', line)))).toBe(403);
  });

  test.each(['X_HTTP_METHOD_OVERRIDE', 'x-http_method-override', 'x_original-url', 'X_REWRITE_URL'])(
    'is not another request by another spelling, which is taken off: %s',
    async (name) => {
      const answer = await exchange(request('POST /public HTTP/1.1', 'Content-Length: 0', `${name}: /admin`));
      expect(Object.values(seenIn(answer).headers)).not.toContain('/admin');
    },
  );

  test.each([
    ['absolute form', 'GET http://other/admin HTTP/1.1', 403],
    ['absolute form without a path', 'GET http://other?/public HTTP/1.1', 404],
    ['a fragment', 'GET /public#/../admin HTTP/1.1', 400],
    ['an escaped NUL', 'GET /public%00/admin HTTP/1.1', 400],
    ['escaped dots', 'GET /public/%2e%2e/admin HTTP/1.1', 403],
    ['CONNECT', 'CONNECT a:80 HTTP/1.1', 403],
    ['CONNECT with a path', 'CONNECT /public HTTP/1.1', 400],
    ['OPTIONS of all', 'OPTIONS * HTTP/1.1', 404],
    ['a method in lower case', 'get /public HTTP/1.1', 400],
  ])('is not let through: %s', async (_what, line, status) => {
    expect(statusOf(await exchange(request(line)))).toBe(status);
  });

  test.each([
    ['Content-Length and Transfer-Encoding', 'Content-Length: 4\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
    ['two lengths', 'Content-Length: 4\r\nContent-Length: 5', 'abcde'],
    ['a length with a sign', 'Content-Length: +4', 'abcd'],
    ['another coding', 'Transfer-Encoding: xchunked', '0\r\n\r\n'],
    ['two codings', 'Transfer-Encoding: identity, chunked', '0\r\n\r\n'],
    ['a coding after a control character', 'Transfer-Encoding: \x0bchunked', '0\r\n\r\n'],
  ])('ends where the proxy says, and nowhere else: %s', async (_what, headers, body) => {
    const second = 'GET /public HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    const answer = await exchange(
      `POST /public HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}\r\n\r\n${body}${second}`,
    );
    expect([400, 501]).toContain(statusOf(answer));
    expect(answer).not.toContain('"url"');
  });

  test('is no WebSocket: an upgrade is refused', async () => {
    const upgrade = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
    ];
    const answer = await exchange(`GET /public HTTP/1.1\r\nHost: a\r\n${upgrade.join('\r\n')}\r\n\r\n`);
    expect(statusOf(answer)).toBe(403);
  });

  test('is judged for each request of a connection', async () => {
    const answer = await exchange(`GET /public HTTP/1.1\r\nHost: a\r\n\r\n${request('GET /admin HTTP/1.1')}`);
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 403']);
  });
});

test('a handshake that stops half way is ended', async () => {
  const socket = connect(port, '127.0.0.1');
  const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.on('error', () => undefined).resume();
  // The hello goes out; of the server's answer the client never hears.
  const deaf = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, () => done()),
  });
  const client = connectTls({ socket: deaf, rejectUnauthorized: false });
  client.on('error', () => undefined);
  const began = performance.now();
  await ended;
  client.destroy();
  expect(performance.now() - began).toBeLessThan(14_000);
}, 20_000);
