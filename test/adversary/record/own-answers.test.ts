// W, a workload without rights, reports answers of its own sidecar without end, long and all different, on streams without end: memory
// stays flat, the control plane answers as before, and nobody's record, gate or explanation is touched; W's own record neither.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { createLogClient, httpEntry, httpLogs, identifier, type LogStream } from '../../support/log-stream.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeProcess, startServeProcess } from '../../support/serve-process.ts';

const documents = yaml(
  'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: permissive}}',
  ...['w', 'v', 'api'].map((name) => serviceText(name, 'http1', ', mtls: {mode: permissive}')),
);
const entries = qualifying ? 200_000 : 20_000;
const warmUp = 10_000;
const long = 'x'.repeat(1900);
const [w, v] = ['spiffe://td1/service/w~1', 'spiffe://td1/service/v~1'];

let wall: ServeProcess;

beforeAll(async () => {
  wall = await startServeProcess(documents);
}, 60_000);
afterAll(async () => {
  await wall?.stop();
});

async function countsOf(service: string): Promise<number> {
  const { traffic } = await wall.admin.traffic();
  return traffic.filter((row) => row.service === service).reduce((sum, { count }) => sum + count, 0);
}

test('memory flat, nothing late, nothing of the record touched', async () => {
  const [attacker, other] = [await wall.enrol('w'), await wall.enrol('v')];
  const others = createLogClient(wall.ports.xds, other);
  const honest = others.open();
  await honest.send(identifier(v, 'outbound/api/own'));
  const own = { principal: 'spiffe://td1/service/v', details: 'no_healthy_upstream', path: '/of-v' };
  await honest.send(httpLogs([httpEntry({ ...own, told: 'of-v' })]));
  const explained = () => eventually('the explanation', () => wall.admin.explainRequest('of-v').catch(() => undefined));
  await explained();

  const client = createLogClient(wall.ports.xds, attacker);
  const open = async (logName: string): Promise<LogStream> => {
    const stream = client.open();
    await stream.send(identifier(w, logName));
    return stream;
  };
  let number = 0;
  const send = async (stream: LogStream, count: number): Promise<void> => {
    for (let sent = 0; sent < count && !stream.isOver(); sent += 100) {
      const batch = Array.from({ length: 100 }, () =>
        httpEntry({
          principal: `${number++}`,
          requestId: 'of-v',
          told: `${number}${long}`,
          details: long,
          path: `/${number}${long}`,
        }),
      );
      await stream.send(httpLogs(batch));
    }
  };
  const streams = await Promise.all([1, 2, 3, 4].map((target) => open(`outbound/${target}/own`)));
  await Promise.all(streams.map((stream) => send(stream, warmUp / streams.length)));
  const before = wall.rssMb();
  let [peak, latest] = [before, 0];
  const watch = setInterval(() => {
    peak = Math.max(peak, wall.rssMb());
    void wall.healthMs().then((ms) => {
      latest = Math.max(latest, ms);
    });
  }, 200);
  // Its own record, meanwhile: all of it is kept.
  const record = await open('inbound/w/mtls');
  const calls = 50;
  const recorded = (async () => {
    for (let sent = 0; sent < calls; sent++) await record.send(httpLogs([httpEntry({ principal: own.principal })]));
  })();
  await Promise.all([...streams.map((stream) => send(stream, entries / streams.length)), recorded]);
  await eventually('the record', async () => (await countsOf('w')) === calls || undefined);
  clearInterval(watch);
  figure('ownAnswersReported', entries);
  figure('memoryBeforeMb', Math.round(before));
  figure('memoryPeakMb', Math.round(peak));
  figure('healthLatestMs', Math.round(latest));
  figure('recordMissing', calls - (await countsOf('w')));
  expect(peak).toBeLessThan(before * 1.2);
  expect(latest).toBeLessThan(1000);
  const found = await explained();
  expect(found).toMatchObject({ callerService: 'v', recorded: [{ requestId: 'of-v', path: '/of-v', node: v }] });
  client.close();
  others.close();
}, 240_000);

test('streams of such logs without end are refused, and those of the record are not', async () => {
  const svid = await wall.enrol('w');
  const clients = [1, 2, 3].map(() => createLogClient(wall.ports.xds, svid));
  const streams = clients.flatMap((client) => Array.from({ length: 90 }, () => client.open()));
  await Promise.all(streams.map((stream) => stream.send(identifier(w, 'outbound/api/own'))));
  const refused = await Promise.race(streams.map(({ ended }) => ended));
  expect(refused).toMatchObject({ code: 8, details: expect.stringContaining('access-log streams') });
  const before = await countsOf('w');
  const more = createLogClient(wall.ports.xds, svid);
  const record = more.open();
  await record.send(identifier(w, 'inbound/w/mtls'));
  await record.send(httpLogs([httpEntry({ principal: 'spiffe://td1/service/v' })]));
  await eventually('it is recorded', async () => (await countsOf('w')) === before + 1 || undefined);
  for (const client of [...clients, more]) client.close();
}, 30_000);
