// How calls went, as real Envoys report it from both sides: by mTLS and in plaintext, answered, slow, failed, never arrived, by HTTP and by
// TCP; and the same after a restart of the control plane.
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createConnection, createServer as createTcpServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EdgeRow } from '../../src/admin/wire-signals.ts';
import { deliverCounters } from '../../src/identity-api/counters-client.ts';
import { readCounters, statsQuery } from '../../src/sidecar/envoy/envoy-counters.ts';
import { outboundQuery, readOutbound, timesQuery } from '../../src/sidecar/envoy/outbound-counters.ts';
import { stored } from '../../src/sidecar/svid/svid-files.ts';
import { eventually } from '../support/eventually.ts';
import { exchange, statusOf } from '../support/exchange.ts';
import { freePorts } from '../support/free-ports.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { startSidecarEnvoy } from '../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../support/start-envoy.ts';

const [web, api, echo] = ['web', 'api', 'echo'].map((name) => `spiffe://td1/service/${name}`);
const slowMs = 150;
const application = createServer((request, response) => {
  if (request.url === '/closes') request.socket.destroy();
  else if (request.url === '/busy') response.writeHead(503).end();
  else setTimeout(() => response.end('x'.repeat(1000)), request.url === '/slow' ? slowMs : 0);
});
const tcpApplication = createTcpServer((socket) => socket.on('error', () => undefined).pipe(socket));

let wall: ServeHarness;
let webSvid: Awaited<ReturnType<ServeHarness['enrol']>>;
const envoys: RunningEnvoy[] = [];
let [toApi, toGone, toEcho, direct] = [0, 0, 0, 0];
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
const call = async (port: number, path: string): Promise<number> =>
  statusOf(await exchange({ port, bytes: get(path) }));

beforeAll(async () => {
  const listening = [application, tcpApplication].map(
    (server) =>
      new Promise<number>((done) => server.listen(0, '127.0.0.1', () => done((server.address() as AddressInfo).port))),
  );
  const [app = 0, tcpApp = 0] = await Promise.all(listening);
  const [a = 0, b = 0, c = 0, inbound = 0, tcpInbound = 0] = await freePorts(5);
  [toApi, toGone, toEcho, direct] = [a, b, c, inbound];
  const to = (name: string, listen: number): string => `{service: ${name}, listen: ${listen}}`;
  wall = await startServe(
    yaml(
      meshText('permissive'),
      serviceText('api', 'http1', ', retries: {attempts: 0}'),
      serviceText('echo', 'tcp'),
      serviceText('gone'),
      ...['api', 'echo'].map((name) =>
        policyText(name, name, 'allow', '[{from: [{service: web}, {anonymous: true}]}]'),
      ),
      serviceText('web', 'http1', `, dependsOn: [${to('api', a)}, ${to('gone', b)}, ${to('echo', c)}]`),
    ),
  );
  const start = async (id = '', at = {}) =>
    void envoys.push(await startSidecarEnvoy(wall, id, { variant: 'delta', ...at }));
  await start(api, { inbound, application: app });
  await start(echo, { inbound: tcpInbound, application: tcpApp });
  const enrol = async (id: string) => (webSvid = await wall.enrol(id));
  envoys.push(await startSidecarEnvoy({ ...wall, enrol }, web ?? '', { variant: 'delta' }));
  await report();
  await eventually('api answers', async () => (await call(toApi, '/').catch(() => 0)) === 200 || undefined, 20_000);
}, 60_000);
afterAll(async () => {
  for (const envoy of envoys) await envoy.stop();
  await wall?.stop();
  application.close();
  tcpApplication.close();
});

/** What the helper of web's sidecar tells of its Envoy. */
async function report(): Promise<void> {
  const admin = envoys.at(-1)?.admin ?? '';
  const [stats = '', outbound = '', times = ''] = await Promise.all(
    [statsQuery, outboundQuery, timesQuery].map(async (query) => (await fetch(admin + query)).text()),
  );
  const counters = readCounters(stats, []);
  const [chain = '', key = '', bundle = ''] = [webSvid.chain, webSvid.key, webSvid.bundle].map((file) =>
    readFileSync(file, 'utf8'),
  );
  const told = { instance: 'a1', epoch: 'e', last: false, readAt: Date.now(), first: counters, second: counters };
  await deliverCounters({
    ...{ host: '127.0.0.1', port: wall.identityPort, svid: stored(chain, createPrivateKey(key), bundle) },
    ...{ timeoutMs: 5000, read: async () => ({ ...told, outbound: readOutbound(outbound, times) }) },
  });
}

const edges = async (): Promise<readonly EdgeRow[]> => (await wall.admin.signals({ since: '24h' })).edges;
const edge = async (service: string, caller: EdgeRow['caller'], is: (row: EdgeRow) => boolean): Promise<EdgeRow> => {
  let last: readonly EdgeRow[] = [];
  const look = async (): Promise<EdgeRow | undefined> => {
    last = await edges();
    return last.find((row) => row.service === service && row.caller === caller && is(row));
  };
  return eventually(`an edge of ${service}`, look, 15_000).catch((cause: unknown) => {
    throw new Error(JSON.stringify(last), { cause });
  });
};

test('each call is counted with its answer, its time, its bytes, and TLS, by who called', async () => {
  // While its configuration was on its way, calls may have been denied.
  const before = (await edge('api', 'mtls', ({ inbound: of }) => (of?.classes['2xx'] ?? 0) > 0)).inbound;
  for (const path of ['/one', '/two', '/slow', '/busy']) await call(toApi, path);
  expect(await call(toApi, '/closes')).toBe(503);
  expect(await call(direct, '/plain')).toBe(200);
  const { inbound } = await edge(
    'api',
    'mtls',
    ({ inbound: of }) => (of?.classes['5xx'] ?? 0) >= 2 && (of?.failed ?? 0) >= 1,
  );
  expect(inbound).toMatchObject({ calls: (before?.calls ?? 0) + 5, denied: before?.denied, failed: 1 });
  expect(inbound).toMatchObject({ flags: { UC: 1 }, classes: { '5xx': 2 } });
  expect(inbound?.tls).toEqual({ '1.3': inbound?.calls });
  expect(inbound?.latency?.max ?? 0).toBeGreaterThan(slowMs * 0.97);
  expect(inbound?.latency?.p50 ?? slowMs).toBeLessThan(slowMs);
  expect(inbound?.sent ?? 0).toBeGreaterThan(4000);
  expect(inbound?.received ?? 0).toBeGreaterThan(200);
  const plain = await edge('api', 'plaintext', ({ inbound: of }) => of !== undefined);
  expect(plain).toMatchObject({ peer: '127.0.0.1', declared: false, inbound: { calls: 1, tls: { none: 1 } } });
});

test('what never arrived is counted from the side of the caller', async () => {
  expect(await call(toGone, '/x')).toBe(503);
  const row = await edge('gone', 'mtls', ({ outbound }) => outbound !== undefined);
  expect(row).toMatchObject({ callerService: 'web', declared: true, outbound: { failed: 1, flags: { UH: 1 } } });
  expect(row).not.toHaveProperty('inbound');
});

test('all that a service calls is counted by its own proxy as well, with the key exchange', async () => {
  await report();
  const own = await edge('api', 'mtls', ({ callerSide }) => (callerSide?.calls ?? 0) > 0);
  const before = own.callerSide;
  const [told, direct] = [own.inbound?.calls ?? 0, before?.calls ?? 0];
  expect(Math.abs(told - direct)).toBeLessThanOrEqual(2);
  expect(own).toMatchObject({ callerService: 'web', callerSide: { groups: { X25519MLKEM768: expect.any(Number) } } });
  for (const path of ['/one', '/two', '/busy']) await call(toApi, path);
  await call(toGone, '/x');
  await report();
  const { callerSide } = await edge('api', 'mtls', () => true);
  expect(callerSide?.calls).toBe(direct + 3);
  expect(callerSide?.classes['5xx']).toBe((before?.classes['5xx'] ?? 0) + 1);
  expect((callerSide?.sent ?? 0) - (before?.sent ?? 0)).toBeGreaterThan(2000);
  const gone = await edge('gone', 'mtls', ({ callerSide: of }) => of !== undefined);
  expect(gone).toMatchObject({ callerSide: { calls: 2, classes: { '5xx': 2 }, groups: {} } });
});

test('a connection counts when it has ended, with its bytes', async () => {
  const heard = await new Promise<string>((resolve, reject) => {
    const socket = createConnection(toEcho);
    socket.on('data', (bytes) => {
      resolve(String(bytes));
      socket.end();
    });
    socket.on('error', reject);
    socket.write('hello');
  });
  expect(heard).toBe('hello');
  const { inbound } = await edge('echo', 'mtls', ({ inbound: of }) => (of?.received ?? 0) > 0);
  expect(inbound).toMatchObject({ denied: 0, failed: 0, received: 5, sent: 5, classes: { none: inbound?.calls } });
});

test('a restart of the control plane forgets nothing', async () => {
  const counts = async () =>
    (await edges()).map(({ service, caller, inbound }) => [service, caller, inbound?.calls]).sort();
  const before = await counts();
  await wall.restart();
  expect(await counts()).toEqual(before);
}, 30_000);
