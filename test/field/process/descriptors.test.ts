// Few files may be open (ulimit -n 256): said at the start, connections beyond what they allow are refused and told, and calls within
// it work, before and after. The control: without the limit all of the connections stand.
import { type ChildProcess, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectionsWithin, descriptorLimit } from '../../../src/sidecar/envoy/descriptor-limit.ts';
import { startHttp1Echo } from '../../support/echo-application.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { httpCall } from '../../support/http-call.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';

const bin = fileURLToPath(new URL('../../../bin/cellwall.cjs', import.meta.url));
let wall: ServeHarness;
let application: { readonly port: number; stop(): unknown };
let [inbound] = [0];
let child: ChildProcess;
let said = '';

beforeEach(async () => {
  said = '';
  [inbound = 0] = await freePorts(1);
  application = await startHttp1Echo();
  wall = await startServe(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: permissive}}',
      serviceText('api', 'http1'),
      'kind: AuthorizationPolicy\nmetadata: {name: all}\nspec: {target: {service: api}, action: allow, rules: ' +
        '[{from: [{anonymous: true}]}]}',
    ),
  );
});

afterEach(async () => {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  if (child.exitCode === null && child.kill('SIGTERM')) await ended;
  await application.stop();
  await wall.stop();
});

async function sidecar(limit: number): Promise<void> {
  const { token } = await wall.admin.createToken({ service: 'api' });
  child = spawn(
    'sh',
    [
      ...['-c', `ulimit -n ${limit}; exec "$0" "$@"`, process.execPath, bin, 'sidecar', '--service', 'api'],
      ...['--app', String(application.port), '--listen', `127.0.0.1:${inbound}`, '--data', join(wall.folder, 'api')],
      ...['--identity-address', `127.0.0.1:${wall.identityPort}`, '--xds-address', `127.0.0.1:${wall.xdsPort}`],
      ...['--drain-seconds', '0'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, CELLWALL_TOKEN: token } },
  );
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  await eventually('it serves', async () => (await called()) || undefined, 60_000);
}

const called = async (): Promise<boolean> =>
  (await httpCall({ port: inbound, path: '/' }).catch(() => undefined))?.status === 200;

/** How many of so many connections are refused. */
async function refusedOf(count: number): Promise<number> {
  const sockets: Socket[] = [];
  let refused = 0;
  for (let at = 0; at < count; at += 1) {
    const socket = connect({ host: '127.0.0.1', port: inbound });
    socket
      .on('error', () => {})
      .once('close', () => {
        refused += 1;
      });
    sockets.push(socket);
    await new Promise<void>((resolve) => socket.once('connect', resolve).once('close', () => resolve()));
  }
  await eventually(
    'those over the limit are refused',
    () => refused >= count - 60 || count < 60 || undefined,
    5000,
  ).catch(() => {});
  const seen = refused;
  for (const socket of sockets) socket.destroy();
  return seen;
}

it('is said, bounded and told', { timeout: 120_000 }, async () => {
  await sidecar(256);
  expect(said).toMatch(/"limit":256,"maxConnections":52/);
  const refused = await refusedOf(200);
  figure('refusedOf200At256Files', refused);
  expect(refused).toBeGreaterThanOrEqual(140);
  expect(refused).toBeLessThan(200);
  await eventually('calls work again', async () => (await called()) || undefined);
  await eventually('the log tells', () => /Envoy refused connections/.test(said) || undefined, 15_000);
});

it('without the limit all stand', { timeout: 120_000 }, async () => {
  await sidecar(8192);
  expect(await refusedOf(200)).toBe(0);
  expect(said).not.toMatch(/few files/);
});

it.each([
  ['Max open files            256                  4096                 files', 256, 52],
  ['Max open files            unlimited            unlimited            files', undefined, 50_000],
  ['Max open files            1048576              1048576              files', 1_048_576, 50_000],
  ['Max open files            64                   64                   files', 64, 8],
  ['', undefined, 50_000],
])('%s', (text, limit, connections) => {
  expect(descriptorLimit(() => text)).toBe(limit);
  expect(connectionsWithin(limit)).toBe(connections);
});
