// An application that is down, behind a proxy that is up: its replica is taken out of callers' endpoints and put back, status says it,
// and where every application is down callers keep them all. One that is open beyond loopback is told beside a strict sidecar.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { formatStatus } from '../../../src/cli/output/format-status.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../../src/sidecar/run-sidecar.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { httpCall } from '../../support/http-call.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';

let wall: ServeHarness;
let applications: Server[];
let ports: readonly number[];
let outbound = 0;
const sidecars = new Set<Sidecar>();
const calls = qualifying ? 500 : 100;

const listen = (host: string, port = 0): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer((_request, response) => response.end('api'));
    server.listen(port, host, () => resolve(server));
  });
const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const stop = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

const documents = (protocol = 'http1', more = ''): string =>
  yaml(
    'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
    serviceText('api', protocol, more),
    serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}]`),
    policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
  );

beforeEach(async () => {
  applications = [await listen('127.0.0.1'), await listen('127.0.0.1')];
  const [first = 0, ...others] = await freePorts(3);
  outbound = first;
  ports = others;
  wall = await startServe(documents());
  for (const [at, port] of ports.entries()) await sidecar('api', `api-${at}`, port, applications[at]);
  await sidecar('web', 'web');
  await eventually('calls pass', async () => (await status()) === 200 || undefined, 60_000);
});

afterEach(async () => {
  for (const { envoyPid } of sidecars) process.kill(envoyPid, 'SIGKILL');
  await Promise.all([...sidecars].map(({ exited }) => exited));
  await Promise.all(applications.map((server) => (server.listening ? stop(server) : undefined)));
  await wall.stop();
});

async function sidecar(service: string, name: string, inbound?: number, application?: Server): Promise<void> {
  const { token } = await wall.admin.createToken({ service });
  const started = await runSidecar({
    identity: `127.0.0.1:${wall.identityPort}`,
    xds: `127.0.0.1:${wall.xdsPort}`,
    token: new Redacted(token),
    dataDir: join(wall.folder, name),
    ...(inbound === undefined ? {} : { inbound: `127.0.0.1:${inbound}` }),
    ...(application === undefined ? {} : { application: `127.0.0.1:${portOf(application)}` }),
    env: process.env,
    log: silentLog,
    envoyWords: { write() {} },
    drainSeconds: 0,
  });
  sidecars.add(started);
  void started.exited.then(() => sidecars.delete(started));
}

const status = async (): Promise<number | undefined> =>
  (await httpCall({ port: outbound, path: '/' }).catch(() => undefined))?.status;

/** The tables, as a person sees them. */
async function shown(): Promise<string> {
  const [answer, { services }, { proxies }] = await Promise.all([
    wall.admin.status(),
    wall.admin.services(),
    wall.admin.proxies(),
  ]);
  return formatStatus({ status: answer, services, proxies, traffic: [], now: Date.now() });
}

const shows = (text: RegExp): Promise<true> =>
  eventually(`status shows ${text}`, async () => text.test(await shown()) || undefined, 20_000);

it('is taken out and put back; where all are down callers keep them', { timeout: 180_000 }, async () => {
  await shows(/^api +strict +2\/2 +done/m);
  const [first, second] = applications;
  if (first === undefined || second === undefined) throw new Error('no applications');
  const port = portOf(first);
  await stop(first);
  await shows(/^api +strict +1\/2/m);
  await shows(/no \(application down\)/);
  await eventually('it gets no calls', async () => (await good(20)) || undefined, 20_000);
  let failed = 0;
  for (let sent = 0; sent < calls; sent += 1) if ((await status()) !== 200) failed += 1;
  figure('failedCallsBesideADeadApplication', failed);
  expect(failed).toBe(0);

  await stop(second);
  await shows(/^api +strict +0\/2 +strict, but no proxy serves/m);
  // Refused by the application's own sidecar, not for want of an endpoint.
  expect(await status()).toBe(503);

  applications[0] = await listen('127.0.0.1', port);
  await shows(/^api +strict +1\/2 +done/m);
  await eventually('calls pass again', async () => (await good(20)) || undefined, 20_000);
});

async function good(count: number): Promise<boolean> {
  for (let sent = 0; sent < count; sent += 1) if ((await status()) !== 200) return false;
  return true;
}

it('is taken out also where callers check by themselves whether its sidecar can be connected to', {
  timeout: 120_000,
}, async () => {
  const none = 'outlierDetection: {maxEjectionPercent: 0}';
  await wall.apply(documents('tcp', `, healthCheck: {interval: 1s}, ${none}`));
  await shows(/^api +strict +2\/2 +done/m);
  await eventually('calls pass', async () => (await good(20)) || undefined, 20_000);
  const [first] = applications;
  if (first === undefined) throw new Error('no application');
  await stop(first);
  await shows(/^api +strict +1\/2/m);
  await eventually('it gets no calls', async () => (await good(20)) || undefined, 20_000);
});

it('one that is open beyond loopback is told beside a strict sidecar', { timeout: 120_000 }, async () => {
  const [first] = applications;
  if (first === undefined) throw new Error('no application');
  const port = portOf(first);
  await stop(first);
  applications[0] = await listen('0.0.0.0', port);
  await shows(
    new RegExp(`^api +strict +2/2 +strict, but can be reached without its sidecar: 0\\.0\\.0\\.0:${port}`, 'm'),
  );
});
