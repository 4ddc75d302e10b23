// Envoy's own counters beside the record, with real sidecars: what is lost on the way to the control plane makes the window unknown;
// nothing else does.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import { type EchoApplication, startHttp1Echo } from '../support/echo-application.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { httpCall } from '../support/http-call.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { startTcpRelay, type TcpRelay } from '../support/tcp-relay.ts';

let wall: ServeHarness;
let application: EchoApplication;
let relay: TcpRelay;
let sidecar: Sidecar;
let inbound = 0;

const mesh = 'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: permissive}}';
const api = (more: string): string => yaml(serviceText('api', 'http1', `, mtls: {mode: permissive}${more}`));
const everyone = policyText('api', 'api', 'allow', '[{from: [{anonymous: true}]}]');
const denied = (round: number): string =>
  policyText('deny', 'api', 'deny', `[{from: [{anonymous: true}], to: [{path: {exact: /no-${round}}}]}]`);
/** Of the default 10 s, so that the test is short. */
const countersEveryMs = 2200;

async function startSidecar(xdsPort: number): Promise<Sidecar> {
  const { token } = await wall.admin.createToken({ service: 'api' });
  return runSidecar({
    identity: `127.0.0.1:${wall.identityPort}`,
    xds: `127.0.0.1:${xdsPort}`,
    token: new Redacted(token),
    dataDir: join(wall.folder, 'api'),
    inbound: `127.0.0.1:${inbound}`,
    application: `127.0.0.1:${application.port}`,
    env: process.env,
    log: silentLog,
    envoyWords: { write() {} },
    drainSeconds: 5,
    countersEveryMs,
  });
}

beforeAll(async () => {
  application = await startHttp1Echo();
  [inbound = 0] = await freePorts(1);
  wall = await startServe(yaml(mesh, serviceText('api', 'http1', ', mtls: {mode: permissive}'), everyone));
  relay = await startTcpRelay(wall.xdsPort);
  sidecar = await startSidecar(relay.port);
  await eventually('api answers', async () => (await call()) === 200 || undefined, 30_000);
}, 60_000);

afterAll(async () => {
  await sidecar?.stop();
  await relay?.close();
  await wall?.stop();
  await application?.stop();
});

let calls = 0;

/** Anonymous: in plaintext, or over TLS without a certificate. */
const call = (): Promise<number> =>
  httpCall({ port: inbound, ...(calls++ % 2 === 0 ? {} : { tls: {} }) }).then(
    ({ status }) => status,
    () => 0,
  );

/** Gaps that Envoy's counters show, of the last hour. */
async function missing() {
  const answer = await wall.admin.simulate({ text: api(''), since: '1h' });
  if (answer.kind !== 'simulation') throw new Error(JSON.stringify(answer));
  return answer.incomplete.flatMap(({ gaps }) => gaps.filter((gap) => gap.missing !== undefined));
}

async function crossChecked() {
  const { proxies } = await wall.admin.proxies();
  return proxies.find(({ state }) => state === 'connected')?.crossChecked;
}

/** Another report was taken than the last. */
async function nextReport(): Promise<void> {
  const before = (await crossChecked())?.at ?? 0;
  await eventually('a report', async () => ((await crossChecked())?.at ?? 0) > before || undefined, 15_000);
}

async function callFor(ms: number): Promise<number> {
  const end = performance.now() + ms;
  const done = await Promise.all(
    [1, 2, 3].map(async () => {
      let ok = 0;
      while (performance.now() < end) if ((await call()) > 0) ok++;
      return ok;
    }),
  );
  return done.reduce((sum, count) => sum + count, 0);
}

it('has nothing to say of a log that lost nothing: under load, rotations, changed listeners and chains', async () => {
  await nextReport();
  const load = callFor(14_000);
  for (let round = 0; round < 4; round++) {
    await wall.admin.rotate();
    // Other listeners, other chains, and back.
    await wall.apply(api(`, health: {path: /health-${round}}`));
    await wall.apply(yaml(denied(round)));
    await nextReport();
  }
  expect(await load).toBeGreaterThan(100);
  await nextReport();
  await nextReport();
  await nextReport();
  expect(await missing()).toEqual([]);
  const checked = await crossChecked();
  const { plainRequests = 0, mtlsRequests = 0 } = checked?.counters ?? {};
  expect(checked).toMatchObject({ told: plainRequests + mtlsRequests, counters: { dropped: 0 } });
}, 60_000);

it('tells with which key exchange connections were made', async () => {
  await callFor(200);
  const groups = await eventually(
    'they are reported',
    async () =>
      (await wall.admin.signals({ service: 'api' })).services.find(({ service }) => service === 'api')?.groups,
    15_000,
  );
  expect(Object.keys(groups).join()).toMatch(/X25519/);
  expect(Object.values(groups).every((count) => count > 0)).toBe(true);
}, 30_000);

it('has nothing to say of a proxy that drains under load, nor of its successor', async () => {
  const load = callFor(6000);
  expect(await sidecar.stop()).toBe(0);
  sidecar = await startSidecar(relay.port);
  await eventually('api answers again', async () => (await call()) === 200 || undefined, 30_000);
  expect(await load).toBeGreaterThan(20);
  await nextReport();
  await nextReport();
  await nextReport();
  expect(await missing()).toEqual([]);
  const { counters = {}, told } = (await crossChecked()) ?? {};
  // The first one said goodbye: it was gone before its successor came. What its log told late would count here, too.
  expect(told).toBeGreaterThanOrEqual((counters['plainRequests'] ?? 0) + (counters['mtlsRequests'] ?? 0));
}, 60_000);

it('marks the time in which entries got lost as unknown, and the gate tells why', async () => {
  // The first is that of its configuration, which stays; the worker opens that of the log.
  const logs = relay.connections.filter(({ open }) => open).slice(1);
  expect(logs.length).toBeGreaterThan(0);
  for (const connection of logs) connection.hold();
  const lost = await callFor(3000);
  for (const connection of logs) connection.cut();
  expect(lost).toBeGreaterThan(20);
  const found = await eventually(
    'requests that were counted and not told',
    async () => (await missing()).find((gap) => gap.missing?.what === 'requests'),
    20_000,
  );
  expect(found.missing?.counted).toBeGreaterThan(found.missing?.told ?? 0);
  const answer = await wall.admin.apply({
    text: yaml(serviceText('api', 'http1', ', mtls: {mode: strict}')),
    since: '1h',
  });
  const reasons = 'reasons' in answer ? (answer.reasons ?? []) : [];
  expect(reasons.map(({ kind, why }) => `${kind}: ${why}`)).toContainEqual(
    expect.stringMatching(/^record: counted \d+ requests from \S+ to \S+, its log told \d+$/),
  );
}, 60_000);

it('has nothing to say of a control plane that was away: that time is unknown anyway', async () => {
  // What it said before is kept; the gap of the test before grows until a report finds nothing missing any more.
  let before = await missing();
  await eventually(
    'the gap is over',
    async () => {
      await nextReport();
      const last = before;
      before = await missing();
      return JSON.stringify(before) === JSON.stringify(last) || undefined;
    },
    40_000,
  );
  const load = callFor(8000);
  await wall.restart();
  await load;
  await nextReport();
  await nextReport();
  await nextReport();
  expect(await missing()).toEqual(before);
}, 60_000);
