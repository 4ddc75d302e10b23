// W, a workload without rights, reports forged calls to its own service as fast as it can, long and all different: the control plane's
// memory stays flat, it answers as before, and what is recorded of others stays, over a restart as well.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AdminClient } from '../../../src/admin/client.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { createLogClient, httpEntry, httpLogs, identifier, type LogStream } from '../../support/log-stream.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeProcess, startServeProcess } from '../../support/serve-process.ts';

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

let wall: ServeProcess;
let admin: AdminClient;

beforeAll(async () => {
  wall = await startServeProcess(documents);
  admin = wall.admin;
}, 60_000);
afterAll(async () => {
  await wall?.stop();
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

test('memory flat, others untouched, nothing late, a restart', async () => {
  const [w, v] = [await wall.enrol('w'), await wall.enrol('v')];
  const others = createLogClient(wall.ports.xds, v);
  const honest = others.open();
  await honest.send(identifier('spiffe://td1/service/v~1', 'inbound/v/mtls'));
  await honest.send(httpLogs([1, 2, 3].map(() => httpEntry({ principal: 'spiffe://td1/service/w' }))));
  await eventually('it is recorded', async () => (await countsOf('v')) === 3 || undefined);

  const client = createLogClient(wall.ports.xds, w);
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
    void wall.healthMs().then((ms) => {
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
  await wall.restart();
  expect(await countsOf('v')).toBe(3);
  figure('memoryAfterRestartMb', Math.round(wall.rssMb()));
  expect(wall.rssMb()).toBeLessThan(before * 1.2);
}, 240_000);

test('a refused stream is ended towards who sent it, with the reason', async () => {
  const client = createLogClient(wall.ports.xds, await wall.enrol('w'));
  const stream = client.open();
  await stream.send(identifier('spiffe://td1/service/v~1', 'inbound/v/mtls'));
  expect(await stream.ended).toMatchObject({ code: 7, details: expect.stringContaining('node.id') });
  client.close();
}, 30_000);

test('more streams than one identity may have are refused, with the reason', async () => {
  const svid = await wall.enrol('w');
  // A connection takes fewer.
  const clients = [1, 2].map(() => createLogClient(wall.ports.xds, svid));
  const streams = clients.flatMap((client) => Array.from({ length: 130 }, () => client.open()));
  const refused = await Promise.race(streams.map(({ ended }) => ended));
  expect(refused).toMatchObject({ code: 8, details: expect.stringContaining('256 access-log streams') });
  for (const client of clients) client.close();
}, 30_000);
