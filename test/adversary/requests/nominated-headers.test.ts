// `Connection` names headers that the next proxy takes off (RFC 9110 §7.6.1): a caller that names those in which the wall says who he
// is would be nobody to an application that is a proxy itself, as Go's ReverseProxy is. Envoy keeps `Connection` where a WebSocket is
// asked for, and nowhere else. The control is the same bytes without the wall.
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { figure } from '../../support/figure.ts';
import {
  type HeaderLine,
  type Http1Application,
  headerLines,
  rawExchange,
  startHttp1Application,
} from '../../support/raw-http1.ts';
import { startWallPair, testId, type WallPair } from '../../support/wall-pair.ts';

let application: Http1Application;
let pair: WallPair;
/** What arrived last, and whether it asked for a WebSocket. */
let seen: { readonly lines: readonly HeaderLine[]; readonly upgrade: boolean } | undefined;

beforeAll(async () => {
  application = await startHttp1Application((request, response) => {
    seen = { lines: headerLines(request), upgrade: false };
    response.end('done');
  });
  application.server.on('upgrade', (request: IncomingMessage, socket) => {
    seen = { lines: headerLines(request), upgrade: true };
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  pair = await startWallPair({
    api: 'protocol: http1, upgrades: [websocket], identityHeaders: {xfcc: true}',
    application,
  });
}, 30_000);
afterAll(async () => {
  await pair?.stop();
  await application.stop();
});

const told = ['x-cellwall-peer-id', 'x-cellwall-peer-cell', 'x-cellwall-peer-service', 'x-forwarded-client-cert'];
const request = (connection: string): string =>
  `GET / HTTP/1.1\r\nHost: api\r\n${connection}Upgrade: websocket\r\nSec-WebSocket-Key: ` +
  `dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`;

/** What is left of a request behind a proxy that heeds RFC 9110. */
function behindAProxy(): ReadonlyMap<string, string> {
  const lines = (seen?.lines ?? []).map(([name, value]) => [name.toLowerCase(), value] as const);
  const nominated = lines
    .filter(([name]) => name === 'connection')
    .flatMap(([, value]) => value.split(',').map((one) => one.trim().toLowerCase()));
  return new Map(lines.filter(([name]) => !nominated.includes(name)));
}

const ways: readonly (readonly [string, string])[] = [
  ['in one line', `Connection: Upgrade, ${told.join(', ')}\r\n`],
  ['before the upgrade', `Connection: ${told.join(',')},upgrade\r\n`],
  ['in lines of their own', `Connection: Upgrade\r\n${told.map((name) => `Connection: ${name}\r\n`).join('')}`],
  ['in capitals', `CONNECTION: UPGRADE, ${told.join(', ').toUpperCase()}\r\n`],
  ['with what frames a request', 'Connection: Upgrade, close, Transfer-Encoding, Content-Length, Host\r\n'],
];

test('the control: without the wall the names arrive', async () => {
  for (const [, connection] of ways.slice(0, 4)) {
    const bytes = request(connection).replace('Host', 'X-Cellwall-Peer-Id: spiffe://td1/web\r\nHost');
    await rawExchange(application.port, bytes);
    expect(seen?.lines.some(([name]) => name === 'X-Cellwall-Peer-Id')).toBe(true);
    expect(behindAProxy().has('x-cellwall-peer-id')).toBe(false);
  }
});

test.each(ways)('by the own sidecar: %s', async (_how, connection) => {
  expect((await rawExchange(pair.outbound, request(connection))).status).toBe(200);
  toldWhole(true);
});

test.each(ways)('by a certificate alone: %s', async (_how, connection) => {
  expect((await rawExchange(pair.inbound, request(connection), { svid: await pair.svid('web') })).status).toBe(200);
  toldWhole(true);
});

function toldWhole(upgrade: boolean): void {
  const left = behindAProxy();
  expect(seen?.upgrade).toBe(upgrade);
  const lost = told.filter((name) => !left.has(name));
  figure('identityHeadersLost', lost.length);
  expect(lost).toEqual([]);
  expect(left.get('x-cellwall-peer-id')).toBe(testId('web'));
  expect(left.has('host')).toBe(true);
}

test('a request without an upgrade names nothing either', async () => {
  const bytes = `GET / HTTP/1.1\r\nHost: api\r\nConnection: ${told.join(', ')}, close\r\n\r\n`;
  await rawExchange(pair.inbound, bytes, { svid: await pair.svid('web') });
  toldWhole(false);
});
