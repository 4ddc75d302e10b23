// How TCP connections begin and end: one that ends without a byte ends everywhere, health checks leave none behind, a server that
// speaks first is heard by who is allowed, and by nobody else.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { callersOf } from '../../../src/policy/callers.ts';
import { callerServerName } from '../../../src/translate/inbound/caller-chains.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { openCall } from '../../support/open-call.ts';
import type { TranslatedProxy } from '../../support/translated-proxy.ts';
import { startWallPair, testId, type WallPair, web } from '../../support/wall-pair.ts';
import { serviceDocument } from '../../translate/mesh-text.ts';

const connections = qualifying ? 200 : 40;
const greeting = 'greeting\n';

let server: Server;
let open = 0;
let pair: WallPair;

beforeAll(async () => {
  server = createServer((socket) => {
    open++;
    socket.on('close', () => open--);
    socket.on('error', () => undefined);
    socket.write(greeting);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  pair = await startWallPair({
    api: 'protocol: tcp, healthCheck: {interval: 100ms}, timeouts: {idle: 15s}',
    application: { address: '127.0.0.1', port: (server.address() as AddressInfo).port },
    more: serviceDocument('refused', 'cell-1', '{protocol: http1, dependsOn: [{service: api, listen: 15001}]}'),
  });
  await vi.waitFor(async () => expect(await greeted(pair.outbound)).toBe(greeting), { timeout: 10_000 });
}, 60_000);

afterAll(async () => {
  await pair?.stop();
  server?.close();
});

async function greeted(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const text = await Promise.race([
    once(socket, 'data').then(([data]) => String(data)),
    once(socket, 'close').then(() => ''),
    delay(3000, 'silence'),
  ]);
  socket.destroy();
  return text;
}

async function active(proxy: TranslatedProxy, name: RegExp): Promise<number> {
  const text = await (await fetch(`${proxy.envoy.admin}/stats?filter=cx_active`)).text();
  return text
    .split('\n')
    .filter((line) => name.test(line))
    .reduce((sum, line) => sum + Number(line.split(': ')[1]), 0);
}

const inbound = /^listener\.[^:]*_\d+\.downstream_cx_active/;

test.each(['FIN', 'RST'])('connections that end by %s without a byte are gone everywhere at once', async (how) => {
  for (let one = 0; one < connections; one++) {
    const socket = connect(pair.outbound, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    if (how === 'RST') socket.resetAndDestroy();
    else socket.destroy();
  }
  const began = performance.now();
  await vi.waitFor(
    async () => {
      expect(await active(pair.client, /^cluster\.outbound_.*upstream_cx_active/)).toBeLessThanOrEqual(1);
      expect(await active(pair.server, inbound)).toBeLessThanOrEqual(1);
      expect(open).toBe(0);
    },
    { timeout: 12_000 },
  );
  figure(`msUntilGone${how}`, Math.round(performance.now() - began));
});

test('health checks leave no connection behind', async () => {
  await delay(qualifying ? 10_000 : 2000);
  // One may be at work; what leaks grows and never comes down to it.
  const left = await vi.waitFor(
    async () => {
      const now = await active(pair.server, inbound);
      expect(now).toBeLessThanOrEqual(1);
      return now;
    },
    { timeout: 3000 },
  );
  figure('connectionsLeftByHealthChecks', left);
});

describe('a server that speaks first', () => {
  const dial = async (
    who: string,
    sni: string | undefined,
  ): Promise<{ readonly socket: TLSSocket; readonly heard: () => string }> => {
    const svid = await pair.svid(who);
    const socket = connectTls({
      host: '127.0.0.1',
      port: pair.inbound,
      rejectUnauthorized: false,
      cert: svid.certificate,
      key: svid.key,
      ...(sni && { servername: callerServerName(testId(sni), pair.target) }),
    });
    let text = '';
    socket.on('data', (data: Buffer) => {
      text += data.toString();
    });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return { socket, heard: () => text };
  };

  test('is heard by a caller who is allowed', async () => {
    const { socket, heard } = await dial('web', 'web');
    await vi.waitFor(() => expect(heard()).toBe(greeting), { timeout: 2000 });
    socket.destroy();
  });

  test('is not heard by a caller who is refused, who holds his connection for ten seconds at most', {
    timeout: 20_000,
  }, async () => {
    const { socket, heard } = await dial('refused', 'refused');
    const began = performance.now();
    await once(socket, 'close');
    expect(heard()).toBe('');
    expect(performance.now() - began).toBeLessThan(12_000);
    const speaking = await dial('refused', 'refused');
    speaking.socket.write('hello');
    await once(speaking.socket, 'close');
    expect(speaking.heard()).toBe('');
  });

  test.each(['refused', 'web'])(
    'is not heard before the first byte by one without a chain of his own, who leaves nothing behind: %s',
    { timeout: 35_000 },
    async (who) => {
      const { socket, heard } = await dial(who, undefined);
      await delay(500);
      expect(heard()).toBe('');
      const began = performance.now();
      // Envoy awaits his first byte, though he ended: the idle timeout is what bounds it.
      socket.destroy();
      await vi.waitFor(async () => expect(await active(pair.server, inbound)).toBeLessThanOrEqual(1), {
        timeout: 25_000,
      });
      figure(`msUntilGoneWithoutAChain${who}`, Math.round(performance.now() - began));
    },
  );
});

test('what a caller has open ends with its Service, within five seconds', { timeout: 30_000 }, async () => {
  const call = openCall({
    kind: 'tcp',
    port: pair.inbound,
    svid: await pair.svid('web'),
    serverName: callerServerName(testId('web'), pair.target),
  });
  await call.echo('hello');
  const services = new Map([...pair.mesh.services].filter(([key]) => key !== web));
  const began = performance.now();
  pair.server.update({
    mesh: { ...pair.mesh, services, callers: callersOf(services.values()) },
    endpoints: new Map(),
    bundles: { roots: pair.ca.root, legacyAnchors: new Map() },
  });
  const ms = (await call.ended) - began;
  figure('msUntilARemovedServiceIsCut', Math.round(ms));
  expect(ms).toBeLessThan(5000);
});
