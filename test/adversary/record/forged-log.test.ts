// W, a workload without rights, reports forged calls to its own service as fast as it can, long and all different: the control plane's
// memory stays flat, it answers as before, and what is recorded of others stays, over a restart as well.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AdminClient, createAdminClient } from '../../../src/admin/client.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { type FetchedSvid, fetchSvid } from '../../../src/sidecar/svid-fetch.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { createLogClient, httpEntry, httpLogs, identifier, type LogStream } from '../../support/log-stream.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';

const bin = fileURLToPath(new URL('../../../bin/cellwall.cjs', import.meta.url));
const oncall = 'spiffe://td1/person/oncall';
const documents = yaml(
  `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: permissive}, breakGlass: ["${oncall}"]}`,
  serviceText('w', 'http1', ', mtls: {mode: permissive}'),
  serviceText('v', 'http1', ', mtls: {mode: permissive}'),
);
const entries = qualifying ? 121_000 : 8000;
/** Until the forger's own budget is used up, and the heap has found its size. */
const warmUp = 10_000;
const long = 'x'.repeat(1900);

/** The control plane as a process, so that its memory is its own. */
async function startProcess(folder: string, ports: readonly number[]) {
  const [xds = 0, identity = 0, admin = 0] = ports;
  const args = [
    'serve',
    '--store',
    'directory',
    '--documents',
    join(folder, 'documents'),
    '--data',
    join(folder, 'data'),
  ];
  const at = (port: number): string => `127.0.0.1:${port}`;
  const listen = ['--xds-listen', at(xds), '--identity-listen', at(identity), '--admin-listen', at(admin)];
  const child = spawn(process.execPath, [bin, ...args, ...listen, '--log-level', 'error'], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${admin}`;
  await eventually('it is ready', async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok, 30_000);
  return {
    url,
    rssMb: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024,
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

let folder = '';
let ports: readonly number[] = [];
let wall: Awaited<ReturnType<typeof startProcess>>;
let admin: AdminClient;

async function enrol(service: string): Promise<FetchedSvid> {
  const { token } = await admin.createToken({ service });
  return fetchSvid({
    identity: `127.0.0.1:${ports[1]}`,
    token: new Redacted(token),
    dir: join(folder, service),
    log: silentLog,
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-forged-'));
  mkdirSync(join(folder, 'documents'));
  writeFileSync(join(folder, 'documents', 'all.yaml'), documents);
  ports = await freePorts(3);
  wall = await startProcess(folder, ports);
  const token = new Redacted(readFileSync(join(folder, 'data', 'admin.token'), 'utf8').trim());
  admin = createAdminClient({ url: wall.url, token });
}, 60_000);
afterAll(async () => {
  await wall?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function countsOf(service: string): Promise<number> {
  const { traffic } = await admin.traffic();
  return traffic.filter((row) => row.service === service).reduce((sum, { count }) => sum + count, 0);
}

/** What holds its switch to strict. */
async function reasonsOf(service: string): Promise<string> {
  const text = yaml(serviceText(service, 'http1', ', mtls: {mode: strict}'));
  const answer = await admin.apply({ text, since: '1h', dryRun: true });
  if (answer.kind !== 'dry-run') throw new Error(JSON.stringify(answer));
  return JSON.stringify(answer.reasons);
}

async function healthMs(): Promise<number> {
  const began = performance.now();
  await fetch(`${wall.url}/healthz`);
  return performance.now() - began;
}

test('memory flat, others untouched, nothing late, a restart', async () => {
  const [w, v] = [await enrol('w'), await enrol('v')];
  const others = createLogClient(ports[0] ?? 0, v);
  const honest = others.open();
  await honest.send(identifier('spiffe://td1/service/v~1', 'inbound/v/mtls'));
  await honest.send(httpLogs([1, 2, 3].map(() => httpEntry({ principal: 'spiffe://td1/service/w' }))));
  await eventually('it is recorded', async () => (await countsOf('v')) === 3 || undefined);

  const client = createLogClient(ports[0] ?? 0, w);
  let number = 0;
  const send = async (stream: LogStream, count: number): Promise<void> => {
    for (let sent = 0; sent < count && !stream.isOver(); sent += 100) {
      const batch = Array.from({ length: 100 }, () => {
        const principal = `spiffe://td1/${number++}/${long}`;
        // In turn: odd callers, forged refusals, forged uses of break glass by nobody the Mesh names.
        if (number % 3 === 0)
          return httpEntry({
            principal,
            requestId: `${number}${long}`,
            details: 'rbac_access_denied_matched_policy[none]',
          });
        return httpEntry(number % 3 === 1 ? { principal } : { principal, policy: '!cellwall/break-glass' });
      });
      await stream.send(httpLogs(batch));
    }
  };
  const open = async (logName: string): Promise<LogStream> => {
    const stream = client.open();
    await stream.send(identifier('spiffe://td1/service/w~1', logName));
    return stream;
  };
  const streams = await Promise.all([1, 2, 3, 4].map(() => open('inbound/w/mtls')));
  // One that says it is of another service, and is not.
  streams.push(await open('inbound/v/mtls'));
  const idle = wall.rssMb();
  await Promise.all(streams.map((stream) => send(stream, warmUp / streams.length)));
  const before = wall.rssMb();
  let latest = 0;
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, wall.rssMb());
    void healthMs().then((ms) => {
      latest = Math.max(latest, ms);
    });
  }, 200);
  await Promise.all(streams.map((stream) => send(stream, entries / streams.length)));
  clearInterval(watch);
  figure('entries', entries);
  figure('memoryIdleMb', Math.round(idle));
  figure('memoryBeforeMb', Math.round(before));
  figure('memoryPeakMb', Math.round(peak));
  figure('healthLatestMs', Math.round(latest));
  expect(peak).toBeLessThan(before * 1.2);
  // What it costs at all: its own budgets, what waits, and a heap that is collected less often.
  expect(peak - idle).toBeLessThan(100);
  expect(latest).toBeLessThan(1000);
  expect(await countsOf('v')).toBe(3);
  const { records } = await admin.audit();
  expect(records.filter(({ event }) => event['kind'] === 'break-glass-used')).toEqual([]);
  expect(await reasonsOf('v')).not.toContain('overflowed');
  // The forger's own record is what it spoiled.
  expect(await reasonsOf('w')).toContain('overflowed');

  client.close();
  others.close();
  await wall.stop();
  wall = await startProcess(folder, ports);
  expect(await countsOf('v')).toBe(3);
  figure('memoryAfterRestartMb', Math.round(wall.rssMb()));
  expect(wall.rssMb()).toBeLessThan(before * 1.2);
}, 240_000);

test('a refused stream is ended towards who sent it, with the reason', async () => {
  const client = createLogClient(ports[0] ?? 0, await enrol('w'));
  const stream = client.open();
  await stream.send(identifier('spiffe://td1/service/v~1', 'inbound/v/mtls'));
  expect(await stream.ended).toMatchObject({ code: 7, details: expect.stringContaining('node.id') });
  client.close();
}, 30_000);

test('more streams than one identity may have are refused, with the reason', async () => {
  const svid = await enrol('w');
  // A connection takes fewer.
  const clients = [1, 2].map(() => createLogClient(ports[0] ?? 0, svid));
  const streams = clients.flatMap((client) => Array.from({ length: 130 }, () => client.open()));
  const refused = await Promise.race(streams.map(({ ended }) => ended));
  expect(refused).toMatchObject({ code: 8, details: expect.stringContaining('256 access-log streams') });
  for (const client of clients) client.close();
}, 30_000);
