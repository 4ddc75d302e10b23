// The sidecar and its application are told to stop at once: what the application still has to call, it calls, to the end of the drain;
// and where it is asked to, the sidecar stays while the application's port is open. The control: the same calls without a stop.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../../src/sidecar/run-sidecar.ts';
import { startHttp1Echo } from '../../support/echo-application.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { httpCall } from '../../support/http-call.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';

let wall: ServeHarness;
let api: { readonly port: number; stop(): unknown };
let application: Server;
let [apiPort, webPort, outbound] = [0, 0, 0];
const sidecars = new Set<Sidecar>();

beforeEach(async () => {
  [apiPort = 0, webPort = 0, outbound = 0] = await freePorts(3);
  api = await startHttp1Echo();
  application = createServer(({ url }, response) => {
    if (url !== '/held') response.end('web');
  });
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  wall = await startServe(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: permissive}}',
      serviceText('api', 'http1'),
      serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}]`),
      policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
      policyText('web', 'web', 'allow', '[{from: [{anonymous: true}]}]'),
    ),
  );
  await sidecar('api', apiPort, api.port, {});
});

afterEach(async () => {
  for (const { envoyPid } of sidecars) process.kill(envoyPid, 'SIGKILL');
  await Promise.all([...sidecars].map(({ exited }) => exited));
  application.close();
  application.closeAllConnections();
  await api.stop();
  await wall.stop();
});

async function sidecar(service: string, inbound: number, port: number, more: object): Promise<Sidecar> {
  const { token } = await wall.admin.createToken({ service });
  const started = await runSidecar({
    identity: `127.0.0.1:${wall.identityPort}`,
    xds: `127.0.0.1:${wall.xdsPort}`,
    token: new Redacted(token),
    dataDir: join(wall.folder, service),
    inbound: `127.0.0.1:${inbound}`,
    application: `127.0.0.1:${port}`,
    env: process.env,
    log: silentLog,
    envoyWords: { write() {} },
    ...more,
  });
  sidecars.add(started);
  void started.exited.then(() => sidecars.delete(started));
  return started;
}

async function web(more: object): Promise<Sidecar> {
  const started = await sidecar('web', webPort, (application.address() as AddressInfo).port, more);
  await eventually('web calls api', async () => ((await called()) ? true : undefined), 30_000);
  return started;
}

/** One new connection out of the application. */
async function called(): Promise<boolean> {
  return (await httpCall({ port: outbound, path: '/' }).catch(() => undefined))?.status === 200;
}

/** Envoy has gone before its helper has: calls that meet that end are not counted. */
const endsMs = 400;

/** Calls without a pause until the sidecar has ended; how many failed before it, and how long that was. */
async function callUntil(ended: Promise<number>): Promise<{ failed: number; fine: number; ms: number }> {
  const before = performance.now();
  let ms: number | undefined;
  void ended.then(() => {
    ms = performance.now() - before;
  });
  let fine = 0;
  const failures: number[] = [];
  while (ms === undefined) {
    if (await called()) fine += 1;
    else failures.push(performance.now() - before);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const end = ms - endsMs;
  return { failed: failures.filter((at) => at < end).length, fine, ms };
}

it('new outbound calls work to the end of a drain that somebody inbound keeps', { timeout: 60_000 }, async () => {
  const started = await web({ drainSeconds: 8 });
  const arrived = new Promise((resolve) => application.once('request', resolve));
  // Never answered.
  void httpCall({ port: webPort, path: '/held' }).catch(() => {});
  await arrived;
  const { failed, fine, ms } = await callUntil(started.stop());
  figure('outboundFailedInDrain', failed);
  figure('outboundFineInDrain', fine);
  expect(failed).toBe(0);
  expect(ms).toBeGreaterThan(7500);
});

it('a caller that opens a connection a call is waited for, though nobody is connected in between', {
  timeout: 60_000,
}, async () => {
  const started = await web({ drainSeconds: 4 });
  const { failed, ms } = await callUntil(started.stop());
  expect(failed).toBe(0);
  expect(ms).toBeGreaterThan(3800);
});

it('stays while the port of the application is open, and ends soon after', { timeout: 60_000 }, async () => {
  const started = await web({ drainSeconds: 30, drainUntilClosed: true });
  const ended = started.stop();
  // Longer than a sidecar with nobody connected stays: the control is the test of idle ones in test/sidecar.
  await new Promise((resolve) => setTimeout(resolve, 5000));
  expect(await called()).toBe(true);
  application.close();
  const closed = performance.now();
  expect(await ended).toBe(0);
  expect(performance.now() - closed).toBeLessThan(4000);
});
