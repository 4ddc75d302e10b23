// The health path of a strict service is open without a certificate, and to every certificate. Through it the application gets a bare
// probe, whatever is sent. The control is the same request without the wall.
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SpiffeId } from '../../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../../src/policy/ir.ts';
import { noneOf } from '../../../src/translate/inbound/bare-probe.ts';
import { exchange, statusOf } from '../../support/exchange.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { type RecordingHttp, type SeenRequest, startRecordingHttp } from '../../support/recording-http.ts';
import { meshOf } from '../../support/resolve-text.ts';
import { createTestCa, type TestCertificate } from '../../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../../support/translated-proxy.ts';
import { idOf, meshDocument, serviceDocument } from '../../translate/mesh-text.ts';
import '../../support/seed.ts';

let application: RecordingHttp;
let proxy: TranslatedProxy;
let port: number;
let stranger: TestCertificate;

beforeAll(async () => {
  const ca = await createTestCa('mesh root');
  application = await startRecordingHttp();
  const mesh = meshOf(
    [
      meshDocument('strict'),
      serviceDocument('api', 'cell-1', '{protocol: http1, health: {path: /-/healthy}}'),
      serviceDocument('web', 'cell-1', '{protocol: http1}'),
    ].join(''),
  );
  proxy = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map() } },
    {
      spiffeId: idOf('api', 'cell-1') as SpiffeId,
      service: 'cell-1/api' as ServiceKey,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }],
    },
    await ca.issue({ uri: idOf('api', 'cell-1') }),
  );
  stranger = await ca.issue({ uri: idOf('web', 'cell-1') });
  port = await proxy.envoy.port('inbound');
  await vi.waitFor(async () => expect(statusOf(await exchange({ port, bytes: probe() }))).toBe(200), {
    timeout: 10_000,
  });
  application.take();
});

afterAll(async () => {
  await proxy.stop();
  await application.stop();
});

interface Probe {
  readonly line?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

function probe({ line = 'GET /-/healthy HTTP/1.1', headers = [], body = '' }: Probe = {}): string {
  return `${[line, 'Host: a.test', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n${body}`;
}

/** All that an application may be told by a probe. */
function isBare({ method, url, headers, body }: SeenRequest): boolean {
  const known = ['host', 'accept', 'user-agent', 'x-request-id', 'x-forwarded-proto', 'connection'];
  return (
    (method === 'GET' || method === 'HEAD') &&
    url === '/-/healthy' &&
    body === '' &&
    Object.entries(headers).every(
      ([name, value]) => known.includes(name) || (name === 'content-length' && value === '0'),
    )
  );
}

/** Told by the request's headers alone. */
const refused: readonly (readonly [what: string, probe: Probe])[] = [
  ['a query', { line: 'GET /-/healthy?x=1 HTTP/1.1' }],
  ['an empty query', { line: 'GET /-/healthy? HTTP/1.1' }],
  ['another spelling with a query', { line: 'GET //-/./healthy?_method=DELETE HTTP/1.1' }],
  ['another method', { line: 'POST /-/healthy HTTP/1.1', headers: ['Content-Length: 0'] }],
  ['OPTIONS', { line: 'OPTIONS /-/healthy HTTP/1.1' }],
  ['a body', { headers: ['Content-Length: 4'], body: 'x=1&' }],
  ['X-Original-URL', { headers: ['X-Original-URL: /admin'] }],
  ['X-Rewrite-URL', { headers: ['x-rewrite-url: /admin'] }],
  ['X-HTTP-Method-Override', { headers: ['X-HTTP-Method-Override: DELETE'] }],
  ['X-HTTP-Method', { headers: ['X-HTTP-Method: DELETE'] }],
  ['X-Method-Override', { headers: ['X-METHOD-OVERRIDE: DELETE'] }],
];

/** As CGI, WSGI, Rack and older servers write the name of the same header. */
const spelt = [
  'X_Original_URL',
  'x-original_url',
  'X_HTTP-Method_Override',
  'x_http_method',
  'X_Method_Override',
  'X.Original.URL',
  'x-rewrite.url',
  'X!HTTP_Method-Override',
  "x'method_override",
];

/** With a certificate, these pass to the health path: Envoy's filters do not see them. */
const refusedInPlaintext: readonly (readonly [what: string, probe: Probe])[] = [
  ['a body in chunks', { headers: ['Transfer-Encoding: chunked'], body: '4\r\nx=1&\r\n0\r\n\r\n' }],
  [
    'trailers',
    {
      headers: ['Transfer-Encoding: chunked', 'Trailer: x-original-url'],
      body: '1\r\nx\r\n0\r\nx-original-url: /admin\r\n\r\n',
    },
  ],
  ['Expect', { headers: ['Expect: 100-continue', 'Content-Length: 4'], body: 'x=1&' }],
  ['a WebSocket', { headers: ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'] }],
];

const stripped: readonly string[] = [
  'X-Forwarded-Prefix: /admin',
  'X-Forwarded-Host: evil',
  'X-Forwarded-For: 127.0.0.1',
  'X-Real-IP: 127.0.0.1',
  'Forwarded: for=127.0.0.1;host=evil',
  'Cookie: session=1',
  'Authorization: Basic YTpi',
  'X-Client-Cert-Subject-DN: MA==',
  'X-SSL-Client-Certificate: MII',
  'X-Forwarded-Client-Cert: URI=spiffe://td1.test/x',
  'X-Cellwall-Peer-Id: spiffe://td1.test/x',
  'X-Envoy-Original-Path: /admin',
  'X-Request-Id: mine',
  'Range: bytes=0-0',
  'If-None-Match: *',
  'Accept-Encoding: gzip',
  'Content-Type: application/json',
  'Via: 1.1 x',
  'Max-Forwards: 0',
  'Traceparent: 00-0-0-00',
  'Referer: http://evil/',
  'a: b',
  'accep: b',
  'accept-: b',
  'acceptx: b',
  'user-agentx: b',
];

describe('without the wall', () => {
  test.each([...refused, ...refusedInPlaintext])('the application takes it: %s', async (_what, request) => {
    await exchange({ port: application.port, bytes: probe(request) });
    const seen = application.take();
    expect(seen.length).toBe(1);
    expect(seen.every(isBare)).toBe(false);
  });
});

describe('without a certificate', () => {
  test.each([
    ['as a load balancer sends it', { headers: ['User-Agent: GoogleHC/1.0', 'Accept: */*'] }],
    ['HEAD', { line: 'HEAD /-/healthy HTTP/1.1' }],
    ['a length of nothing', { headers: ['Content-Length: 0'] }],
    ['no body, in chunks', { headers: ['Transfer-Encoding: chunked'], body: '0\r\n\r\n' }],
    ['another spelling of the path', { line: 'GET //-/./x/../healthy HTTP/1.1' }],
    ['absolute form', { line: 'GET http://a.test/-/healthy HTTP/1.1' }],
    ['what is not for the application', { headers: stripped }],
  ])('passes, and is bare: %s', async (_what, request) => {
    expect(statusOf(await exchange({ port, bytes: probe(request) }))).toBe(200);
    const seen = application.take();
    expect(seen.map(({ headers }) => headers)).toEqual(seen.filter(isBare).map(({ headers }) => headers));
    expect(seen.length).toBe(1);
  });

  test.each([...refused, ...refusedInPlaintext])('does not reach the application: %s', async (_what, request) => {
    // 413: of a body, what was awaited of it was too much.
    expect([403, 413]).toContain(statusOf(await exchange({ port, bytes: probe(request) })));
    expect(application.take()).toEqual([]);
  });

  test('a name with underscores, which some servers take for dashes, does not reach it', async () => {
    const status = statusOf(await exchange({ port, bytes: probe({ headers: ['X_Original_URL: /admin'] }) }));
    expect([200, 400]).toContain(status);
    expect(application.take().filter((one) => !isBare(one))).toEqual([]);
  });

  test('on one connection the second request is judged as the first', async () => {
    const answer = await exchange({
      port,
      bytes: `GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n${probe({ line: 'GET /-/healthy?x HTTP/1.1' })}`,
    });
    expect(statusOf(answer)).toBe(200);
    expect(application.take().every(isBare)).toBe(true);
  });
});

describe('in HTTP/2, to a service of HTTP/2', () => {
  let wall: TranslatedProxy;
  let h2Port: number;
  let seen: SeenInHttp2[] = [];
  const server = createHttp2Server();

  beforeAll(async () => {
    server.on('stream', (stream, headers) => {
      const one: SeenInHttp2 = { headers, trailers: [], body: '' };
      stream.on('data', (chunk: Buffer) => {
        one.body += chunk.toString();
      });
      stream.on('trailers', (trailers) => {
        one.trailers.push(...Object.keys(trailers));
      });
      stream.on('end', () => {
        seen.push(one);
        stream.respond({ ':status': 200 });
        stream.end('ok');
      });
      stream.resume();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const ca = await createTestCa('mesh root');
    wall = await startTranslatedProxy(
      {
        mesh: meshOf(
          meshDocument('strict') + serviceDocument('api', 'cell-1', '{protocol: http2, health: {path: /-/healthy}}'),
        ),
        endpoints: new Map(),
        bundles: { roots: ca.root, legacyAnchors: new Map() },
      },
      {
        spiffeId: idOf('api', 'cell-1') as SpiffeId,
        service: 'cell-1/api' as ServiceKey,
        ports: [
          {
            name: 'default',
            inbound: { address: '127.0.0.1', port: 0 },
            application: { address: '127.0.0.1', port: (server.address() as AddressInfo).port },
          },
        ],
      },
      await ca.issue({ uri: idOf('api', 'cell-1') }),
    );
    h2Port = await wall.envoy.port('inbound');
    await vi.waitFor(async () => expect(await ask(h2Port, {})).toBe(200), { timeout: 10_000 });
    seen = [];
  });
  afterAll(async () => {
    await wall.stop();
    await new Promise((resolve) => server.close(resolve));
  });

  test.each([
    ['a body', { body: 'x=1&' }],
    ['a body of one byte', { body: 'x' }],
    ['a query', { path: '/-/healthy?x' }],
    ['X-Original-URL', { headers: { 'x-original-url': '/admin' } }],
  ])('does not reach the application: %s', async (_what, request) => {
    expect([403, 413]).toContain(await ask(h2Port, request));
    expect(seen).toEqual([]);
  });

  test('the control: without the wall trailers arrive', async () => {
    await ask((server.address() as AddressInfo).port, { trailers: { 'x-original-url': '/admin' } });
    expect(seen.splice(0).map(({ trailers }) => trailers)).toEqual([['x-original-url']]);
  });

  test('passes, and is bare: with trailers and headers of its own', async () => {
    const request = {
      trailers: { 'x-original-url': '/admin' },
      headers: { cookie: 'a=b', 'x-forwarded-prefix': '/admin' },
    };
    expect(await ask(h2Port, request)).toBe(200);
    expect(seen.map(({ trailers, body }) => [trailers, body])).toEqual([[[], '']]);
    const known = [':authority', ':method', ':path', ':scheme', 'content-length', 'x-forwarded-proto', 'x-request-id'];
    expect(Object.keys(seen[0]?.headers ?? {}).filter((name) => !known.includes(name))).toEqual([]);
    expect(seen[0]?.headers['content-length']).toBe('0');
  });
});

interface SeenInHttp2 {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly trailers: string[];
  body: string;
}

interface AskInHttp2 {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly trailers?: Readonly<Record<string, string>>;
}

/** One request in HTTP/2 without TLS; its status, 0 without one. */
function ask(at: number, { path = '/-/healthy', headers = {}, body, trailers }: AskInHttp2): Promise<number> {
  return new Promise((resolve) => {
    const session = connectHttp2(`http://127.0.0.1:${at}`);
    const end = (status: number): void => {
      session.destroy();
      resolve(status);
    };
    session.on('error', () => end(0));
    const open = body !== undefined || trailers !== undefined;
    const request = session.request(
      { ...headers, ':path': path, ':method': 'GET' },
      { endStream: !open, waitForTrailers: trailers !== undefined },
    );
    request.on('wantTrailers', () => request.sendTrailers({ ...trailers }));
    request.on('error', () => end(0));
    request.on('response', ({ ':status': status }) => end(Number(status)));
    if (open) request.end(body);
  });
}

describe('with a certificate that no policy speaks of', () => {
  const tls = (): { certificate: string; key: string } => ({ certificate: stranger.certificate, key: stranger.key });

  test('the bare probe passes', async () => {
    expect(statusOf(await exchange({ port, bytes: probe(), tls: tls() }))).toBe(200);
    expect(application.take().length).toBe(1);
  });

  test.each(refused)('does not reach the application: %s', async (_what, request) => {
    expect(statusOf(await exchange({ port, bytes: probe(request), tls: tls() }))).toBe(403);
    expect(application.take()).toEqual([]);
  });

  test.each(spelt)('another spelling of such a name is taken off: %s', async (name) => {
    const bytes = probe({ headers: [`${name}: /admin`] });
    expect(statusOf(await exchange({ port, bytes, tls: tls() }))).toBe(200);
    expect(application.take().map(({ headers }) => Object.values(headers).includes('/admin'))).toEqual([false]);
  });
});

test('headers at random: the application never sees one that is not of a probe', async () => {
  const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
  const near = fc
    .tuple(
      fc.constantFrom('accept', 'user-agent', 'host', 'x-original-url', 'connection', 'upgrade'),
      fc.nat(20),
      token,
    )
    .map(([name, at, text]) => name.slice(0, at) + text);
  const names = fc.oneof(token, near).filter((name) => !framing.has(name));
  let sent = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(names, { minLength: 1, maxLength: 20 }), async (headers) => {
      sent += headers.length;
      const status = statusOf(await exchange({ port, bytes: probe({ headers: headers.map((name) => `${name}: v`) }) }));
      expect([200, 400, 403]).toContain(status);
      expect(application.take().filter((one) => !isBare(one))).toEqual([]);
    }),
    { numRuns: qualifying ? 2000 : 50 },
  );
  figure('randomHeaders', sent);
}, 120_000);

/** Of the request's own framing: what these mean is tried above. */
const framing = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'expect',
  'te',
  'http2-settings',
]);

test('the expression of every other name matches exactly the others', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.stringMatching(/^[a-z:-]{1,6}$/), { minLength: 1, maxLength: 6 }),
      fc.stringMatching(/^[a-z:-]{0,7}$/),
      (names, name) => {
        const expression = new RegExp(`^${noneOf(names)}$`);
        expect(expression.test(name)).toBe(!names.includes(name));
        for (const known of names) expect(expression.test(known)).toBe(false);
      },
    ),
    { numRuns: qualifying ? 200_000 : 2000 },
  );
});
