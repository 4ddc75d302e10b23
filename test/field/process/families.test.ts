// Names and address families: the control plane on ::1 and by a name of both families, on either of which nothing answers; an application
// on ::1 alone; a client whose `localhost` is ::1. The control: the same on 127.0.0.1.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { findEnvoy } from '../../../src/sidecar/envoy/envoy-binary.ts';
import { type DnsServer, envoyAsking, loopback6Hex, startDnsServer } from '../../support/dns-server.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';

const bin = fileURLToPath(new URL('../../../bin/cellwall.cjs', import.meta.url));
let folder: string;
let children: ChildProcess[];
let application: Server;
let said: string;
let dns: DnsServer;
let envoy: string;
let [xds, identity, admin, outbound, inbound] = [0, 0, 0, 0, 0];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-families-'));
  children = [];
  said = '';
  [xds = 0, identity = 0, admin = 0, outbound = 0, inbound = 0] = await freePorts(5);
  mkdirSync(join(folder, 'mesh.d'));
  const documents = yaml(
    'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
    serviceText('api', 'http1'),
    serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}]`),
    policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
  );
  writeFileSync(join(folder, 'mesh.d/all.yaml'), documents);
  dns = await startDnsServer({
    'both.test': { v4: ['127.0.0.1'], v6: [loopback6Hex] },
    'v4.test': { v4: ['127.0.0.1'], v6: [] },
    'v6.test': { v4: [], v6: [loopback6Hex] },
  });
  envoy = envoyAsking(folder, await findEnvoy({ env: process.env, log: silentLog }), dns.port);
});

afterEach(async () => {
  for (const child of children.reverse()) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGTERM')) await ended;
  }
  application.close();
  application.closeAllConnections();
  dns.stop();
  rmSync(folder, { recursive: true, force: true });
});

function start(args: readonly string[]): void {
  const child = spawn(process.execPath, [bin, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, XDG_STATE_HOME: join(folder, 'state') },
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  children.push(child);
}

async function listenApplication(host: string): Promise<number> {
  application = createServer((_request, response) => response.end('api'));
  await new Promise<void>((resolve) => application.listen(0, host, resolve));
  return (application.address() as AddressInfo).port;
}

async function wall(host: string, xdsName: string, app: string, listen: string): Promise<void> {
  const at = (port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;
  start([
    ...['serve', '--documents', join(folder, 'mesh.d'), '--xds-listen', at(xds)],
    ...['--identity-listen', at(identity), '--admin-listen', at(admin)],
  ]);
  const sidecar = (service: string, ...more: readonly string[]): void =>
    start([
      ...['sidecar', '--envoy-bin', envoy, '--service', service, '--drain-seconds', '0', ...more],
      ...['--identity-address', at(identity), '--xds-address', `${xdsName}:${xds}`, '--admin', at(admin)],
    ]);
  sidecar('api', '--app', app, '--listen', `${listen}:${inbound}`);
  sidecar('web');
}

const called = (host: string): Promise<number | undefined> =>
  new Promise((resolve) => {
    request({ host, port: outbound, path: '/' }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', () => resolve(undefined))
      .end();
  });

const serves = (host: string): Promise<true> =>
  eventually('a call goes through', async () => (await called(host)) === 200 || undefined, 60_000).catch((reason) => {
    throw new Error(`${reason}\n${said.slice(-3000)}`);
  });

it.each([
  ['127.0.0.1', 'both.test', '127.0.0.1', '0.0.0.0'],
  ['::1', 'both.test', '::1', '[::1]'],
  ['::1', '[::1]', '127.0.0.1', '[::]'],
])(
  'the control plane on %s, known as %s; the application on %s; callers at %s',
  { timeout: 120_000 },
  async (...row) => {
    const [host, name, app, listen] = row;
    const port = await listenApplication(app);
    // A port alone: the application is on loopback, whichever.
    await wall(host, name, String(port), listen);
    await serves('127.0.0.1');
    expect(await called('::1')).toBe(200);
    figure('callsOnBothFamilies', true);
  },
);
