// What real clients and applications do, through both sidecars and to a strict service's health path: HTTP/1.0, offers to upgrade,
// WebSockets, many and large headers, the case of names. Each beside the same call without the wall.
import { createHash } from 'node:crypto';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { figure } from '../../support/figure.ts';
import {
  type HeaderLine,
  type Http1Application,
  headerLines,
  rawExchange,
  startHttp1Application,
} from '../../support/raw-http1.ts';
import { startWallPair, type WallPair } from '../../support/wall-pair.ts';

let application: Http1Application;
let pair: WallPair;
/** Without WebSockets, and with names in lower case. */
let plain: WallPair;

beforeAll(async () => {
  application = await startHttp1Application((request, response) => {
    const many = Number(/^\/headers\/(\d+)$/.exec(request.url ?? '')?.[1] ?? 0);
    for (let one = 0; one < many; one++) response.setHeader(`X-Many-${one}`, 'x');
    const large = Number(/^\/large\/(\d+)$/.exec(request.url ?? '')?.[1] ?? 0);
    if (large > 0) response.setHeader('X-Large', 'x'.repeat(large));
    response.end(JSON.stringify(headerLines(request)));
  });
  application.server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  const health = 'health: {path: /healthz}';
  const rules = '[{from: [{service: web}], to: [{path: {prefix: /}}]}]';
  const more = `
---
apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata: {name: no-cable, cell: cell-1}
spec: {target: {service: api}, action: deny, rules: [{from: [{everyone: true}], to: [{path: {prefix: /admin}}]}]}
`;
  [pair, plain] = await Promise.all([
    startWallPair({
      api: `protocol: http1, ${health}, upgrades: [websocket], headerCase: keep`,
      application,
      rules,
      more,
    }),
    startWallPair({ api: `protocol: http1, ${health}`, application, rules }),
  ]);
  for (const port of [pair.outbound, plain.outbound]) {
    await vi.waitFor(async () => expect((await rawExchange(port, get('/'))).status).toBe(200), { timeout: 10_000 });
  }
}, 60_000);

afterAll(async () => {
  await pair?.stop();
  await plain?.stop();
  await application?.stop();
});

const get = (path: string, ...lines: readonly string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: a', ...lines, '', ''].join('\r\n');
const ways = ['without the wall', 'through both sidecars', 'to the health path, in plaintext'] as const;
const portOf = (way: (typeof ways)[number], of: WallPair = pair): number =>
  way === 'without the wall' ? application.port : way === 'through both sidecars' ? of.outbound : of.inbound;
const seen = (body: string): readonly HeaderLine[] => JSON.parse(body) as HeaderLine[];

describe.each(ways)('%s', (way) => {
  test.each([
    ['HTTP/1.0, as nginx’s proxy_pass sends it', 'GET /healthz HTTP/1.0\r\nHost: api\r\nConnection: close\r\n\r\n'],
    ['HTTP/1.0 without a host, as probes send it', 'GET /healthz HTTP/1.0\r\n\r\n'],
    ['HTTP/1.0 that stays, as ab -k', 'GET /healthz HTTP/1.0\r\nHost: api\r\nConnection: keep-alive\r\n\r\n'],
    ['HTTP/1.0, HEAD, as HAProxy’s probes', 'HEAD /healthz HTTP/1.0\r\n\r\n'],
    ['HTTP/1.1', get('/healthz')],
  ])('%s', async (_what, text) => {
    const { status, head } = await rawExchange(portOf(way), text);
    expect(status).toBe(200);
    if (text.includes('HTTP/1.0')) expect(head).not.toMatch(/transfer-encoding/i);
  });
});

const offers = ['TLS/1.2', 'TLS/1.0, HTTP/1.1', 'h2c', 'HTTP/2.0', 'IRC/6.9, RTA/x11', 'websockets', 'web', 'WebRTC'];
test.each(offers)('an offer to upgrade is declined, not refused: %s', async (offer) => {
  const text = get(
    '/',
    'Connection: Upgrade',
    `Upgrade: ${offer}`,
    ...(offer === 'h2c' ? ['HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'] : []),
  );
  for (const of of [pair, plain]) {
    const { status, body } = await rawExchange(of.outbound, text);
    expect(status).toBe(200);
    expect(seen(body).filter(([name]) => /^upgrade$/i.test(name))).toEqual([]);
  }
});

describe('WebSockets', () => {
  const upgrade = (path: string): string =>
    get(
      path,
      'Connection: Upgrade',
      'Upgrade: WebSocket',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
    );

  function cable(port: number, path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      let text = '';
      socket.setTimeout(5000, () => socket.destroy(new Error(`nothing more came: ${text}`)));
      socket.on('data', (data: Buffer) => {
        const before = text;
        text += data.toString('latin1');
        if (/^HTTP\/1\.1 101/.test(text) && !/^HTTP\/1\.1 101/.test(before)) socket.write('through the cable');
        if (text.includes('through the cable') || (text.includes('\r\n\r\n') && !text.startsWith('HTTP/1.1 101'))) {
          socket.destroy();
          resolve(text);
        }
      });
      socket.on('error', reject);
      socket.write(upgrade(path));
    });
  }

  test('pass where the service says so', async () => {
    expect(await cable(application.port, '/-/cable')).toContain('through the cable');
    expect(await cable(pair.outbound, '/-/cable')).toContain('through the cable');
  });

  test('are held to the rules', async () => {
    expect(await cable(pair.outbound, '/admin/cable')).toMatch(/^HTTP\/1\.1 403/);
  });

  test('are refused where it does not, by its own side, with a number', async () => {
    const answer = await cable(plain.outbound, '/-/cable');
    expect(answer).toMatch(/^HTTP\/1\.1 403/);
    expect(answer).toMatch(/access denied; request id [0-9a-f-]{36}/);
    expect(await cable(pair.inbound, '/healthz').catch(() => '')).not.toContain('through the cable');
  });
});

describe('sizes', () => {
  const requests: readonly (readonly [string, readonly string[]])[] = [
    ['110 headers', Array.from({ length: 110 }, (_, one) => `X-Many-${one}: x`)],
    ['900 headers', Array.from({ length: 900 }, (_, one) => `X-Many-${one}: x`)],
    ['a cookie of 64 KB', [`Cookie: a=${'x'.repeat(65_536)}`]],
    ['a cookie of 200 KB', [`Cookie: a=${'x'.repeat(200_000)}`]],
  ];
  test.each(requests)('of a request: %s', async (_what, lines) => {
    for (const port of [application.port, pair.outbound]) {
      const { status, body } = await rawExchange(port, get('/', ...lines));
      expect(status).toBe(200);
      for (const line of [lines[0], lines.at(-1)]) expect(seen(body)).toContainEqual([...(line?.split(': ') ?? [])]);
    }
  });

  test.each(['/headers/110', '/headers/900', '/large/65536', '/large/200000'])('of an answer: %s', async (path) => {
    for (const port of [application.port, pair.outbound]) expect((await rawExchange(port, get(path))).status).toBe(200);
  });

  test('above the limits a request is refused at the first sidecar, an answer at the last', async () => {
    expect(
      (await rawExchange(pair.outbound, get('/', ...Array.from({ length: 1100 }, (_, one) => `X-Many-${one}: x`))))
        .status,
    ).toBe(431);
    expect((await rawExchange(pair.outbound, get('/', `Cookie: a=${'x'.repeat(300_000)}`))).status).toBe(431);
    expect((await rawExchange(pair.outbound, get('/headers/1100'))).status).toBe(502);
  });

  test('a cookie that HTTP/2 splits in 500', async () => {
    const server = createHttp2Server(
      { maxHeaderListPairs: 5000, settings: { maxHeaderListSize: 1 << 20 } },
      (request, response) => {
        response.end(String(request.headers.cookie?.length));
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const wall = await startWallPair({ api: 'protocol: http2', application: { address: '127.0.0.1', port } });
    try {
      const parts = Array.from({ length: 500 }, (_, one) => `name${one}=value`);
      const answers = await Promise.all(
        [port, wall.outbound].map(async (at) => {
          let answer = '';
          await vi.waitFor(
            async () => {
              answer = await h2Get(at, { cookie: parts });
              expect(answer).toMatch(/^\d+$/);
            },
            { timeout: 10_000 },
          );
          return answer;
        }),
      );
      expect(answers[1]).toBe(answers[0]);
      figure('splitCookies', parts.length);
    } finally {
      await wall.stop();
      server.close();
    }
  });

  function h2Get(port: number, headers: Readonly<Record<string, string | string[]>>): Promise<string> {
    return new Promise((resolve, reject) => {
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      session.on('error', reject);
      const one = session.request({ ':path': '/', ...headers });
      let text = '';
      one.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      one.on('error', reject).on('close', () => {
        session.close();
        resolve(text);
      });
      one.end();
    });
  }
});

describe('the case of names', () => {
  const lines = ['X-API-Key: a', 'SOAPAction: b', 'x-lower: c'];
  test.each(ways.slice(0, 2))('%s it is kept where the service asks for it', async (way) => {
    const names = seen((await rawExchange(portOf(way), get('/', ...lines))).body).map(([name]) => name);
    for (const name of ['X-API-Key', 'SOAPAction', 'x-lower']) expect(names).toContain(name);
  });

  test('no spelling of a header of identity comes by it', async () => {
    const { body } = await rawExchange(
      pair.outbound,
      get('/', 'X-CELLWALL-PEER-ID: forged', 'x_Cellwall_Peer_Id: forged', 'X-Ssl-Client-CERT: forged'),
    );
    expect(body).not.toContain('forged');
  });

  test('otherwise it is lower', async () => {
    const names = seen((await rawExchange(plain.outbound, get('/', ...lines))).body).map(([name]) => name);
    expect(names).toContain('x-api-key');
  });
});

test.each([
  ['no HTTP', 'garbage\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ['the same length twice', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab'],
  [
    'a length and chunks',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n',
  ],
  ['204 with chunks', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a header without a name', 'HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 0\r\n\r\n'],
])('a malformed answer is 502: %s', async (_what, answer) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const wall = await startWallPair({ api: 'protocol: http1', application: { address: '127.0.0.1', port } });
  try {
    await vi.waitFor(async () => expect((await rawExchange(wall.outbound, get('/'))).status).toBe(502), {
      timeout: 10_000,
    });
  } finally {
    await wall.stop();
    server.close();
  }
});
