// What a proxy tells of its own calls is beside the record: whatever becomes of such a log, nothing of the record is held for lost, and
// its streams and messages are in no way of those of the record. The control is the same with a log of the record.
import { create, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { TCPAccessLogEntrySchema } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { TrustDomain } from '../../src/model/spiffe-id.ts';
import { createAccessLogService } from '../../src/observe/access-log-service.ts';
import { createIntake } from '../../src/observe/intake.ts';
import { createLossyIntake } from '../../src/observe/lossy-intake.ts';
import { createRefusals } from '../../src/observe/refusals.ts';
import { addGrpcJsMethods } from '../../src/xds/server/transport-grpc-js.ts';
import { eventually } from '../support/eventually.ts';
import { httpEntry, httpLogs, identifier } from '../support/log-stream.ts';
import { bytesField } from '../support/proto-bytes.ts';

const web = 'spiffe://td1/service/web';
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface Told {
  readonly broken: string[];
  connections: number;
  unreadable: number;
  calls: number;
}

async function start(maxStreams?: number) {
  const told: Told = { broken: [], connections: 0, unreadable: 0, calls: 0 };
  const refusals = createRefusals({ clock: systemClock });
  const methods = createAccessLogService({
    ...{ refusals, log: silentLog, keepPath: () => undefined },
    traffic: {
      record() {
        told.calls++;
      },
    },
    intake: createIntake(systemClock),
    lossyIntake: createLossyIntake(systemClock),
    trustDomain: () => 'td1' as TrustDomain,
    serviceOfPeer: () => 'web',
    crossCheck: {
      told(_node, kind) {
        if (kind === 'listener') told.connections++;
      },
    },
    onBroken: (node) => void told.broken.push(node),
    onUnreadable() {
      told.unreadable++;
    },
    ...(maxStreams === undefined ? {} : { maxStreams }),
  });
  const server = new grpc.Server();
  addGrpcJsMethods(server, methods, () => undefined);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  ends.push(() => {
    client.close();
    server.forceShutdown();
  });
  const same = (bytes: Buffer): Buffer => bytes;
  const open = (logName: string) => {
    const call = client.makeClientStreamRequest<Buffer, Buffer>(
      '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs',
      same,
      same,
      () => undefined,
    );
    call.on('error', () => undefined);
    const ended = new Promise<grpc.StatusObject>((resolve) => call.on('status', resolve));
    call.write(identifier(`${web}~1`, logName));
    const send = (message: Buffer): Promise<void> => new Promise((done) => call.write(message, () => done()));
    return { send, ended, cancel: () => call.cancel() };
  };
  return { told, refusals, open };
}

const answered = (id: string, path = '/'): Buffer =>
  httpLogs([httpEntry({ principal: web, details: 'no_healthy_upstream', told: id, path })]);
const unreadable = bytesField(2, bytesField(1, Buffer.from([0xff])));

test.each([
  ['outbound/api/own', 0],
  ['outbound/api/odd', 0],
  ['inbound/web/mtls', 1],
] as const)('a broken entry of %s: gaps of the record', async (logName, gaps) => {
  const { told, open } = await start();
  const stream = open(logName);
  await stream.send(unreadable);
  await eventually('it is counted', () => told.unreadable === 1 || undefined);
  expect(told.broken).toHaveLength(gaps);
  // A message that breaks off ends its stream.
  await stream.send(Buffer.from([0x12, 0x7f]));
  if (gaps > 0) expect((await stream.ended).code).toBe(grpc.status.INVALID_ARGUMENT);
  expect(told.broken.length > 0).toBe(gaps > 0);
});

test('a connection that no chain took is none that Envoy counts', async () => {
  const { told, open } = await start();
  const entry = (noRouteFound: boolean): Buffer =>
    bytesField(
      1,
      Buffer.from(
        toBinary(
          TCPAccessLogEntrySchema,
          create(TCPAccessLogEntrySchema, { commonProperties: { responseFlags: { noRouteFound } } }),
        ),
      ),
    );
  await open('inbound/web/listener').send(bytesField(3, Buffer.concat([entry(true), entry(false), entry(true)])));
  await eventually('the one', () => told.connections > 0 || undefined);
  await open('inbound/web/listener').send(bytesField(3, entry(false)));
  await eventually('the next', () => told.connections > 1 || undefined);
  expect(told.connections).toBe(2);
});

test('an own answer is found by its id, and is nobody’s traffic', async () => {
  const { told, refusals, open } = await start();
  await open('outbound/api/own').send(answered('a', '/x?secret'));
  const { by, refusals: found } = await eventually('it', () => {
    const all = refusals.find('a');
    return all.refusals.length > 0 ? all : undefined;
  });
  expect(by).toBe('proxy');
  expect(found).toMatchObject([{ kind: 'own', service: 'web', target: 'api', node: `${web}~1`, path: '/x' }]);
  expect(told.calls).toBe(0);
  // Under a name that is none, nothing.
  await open('outbound/../own').send(answered('b'));
  await open('outbound/api/own').send(answered('c'));
  await eventually('the next', () => refusals.find('c').refusals.length > 0 || undefined);
  expect(refusals.find('b').refusals).toEqual([]);
});

test.each([
  ['a length past the end', Buffer.from([0x12, 0x7f])],
  ['a tag without an end', Buffer.from([0xff, 0xff])],
  ['a field of the number 0', Buffer.from([0x02, 0x00])],
  ['no wire type', Buffer.from([0x0f])],
  ['an identifier that is none', bytesField(1, Buffer.from([0x0a, 0x7f]))],
])('%s is its sender’s fault, which it is told', async (_what, message) => {
  const { open } = await start();
  const stream = open('inbound/web/mtls');
  await stream.send(message);
  expect(await stream.ended).toMatchObject({
    code: grpc.status.INVALID_ARGUMENT,
    details: expect.stringContaining('cannot be decoded'),
  });
});

test('streams of its own calls are counted apart', async () => {
  const { told, open } = await start(4);
  const outbound = Array.from({ length: 5 }, () => open('outbound/api/own'));
  expect(await Promise.race(outbound.map(({ ended }) => ended))).toMatchObject({
    code: 8,
    details: expect.stringContaining('4 access-log streams'),
  });
  const inbound = Array.from({ length: 4 }, () => open('inbound/web/mtls'));
  await Promise.all(inbound.map(({ send }) => send(httpLogs([httpEntry({ principal: web })]))));
  await eventually('all of the record', () => told.calls === 4 || undefined);
  expect(told.broken).toEqual([]);
});

test('a flood of own answers is taken, thrown away above its share, and holds up nothing of the record', async () => {
  const { told, open } = await start();
  const long = 'x'.repeat(1000);
  const flood = open('outbound/api/own');
  const record = open('inbound/web/mtls');
  const message = httpLogs(
    Array.from({ length: 50 }, (_, i) => httpEntry({ principal: web, told: `${i}`, path: long })),
  );
  let calls = 0;
  for (let sent = 0; sent < 120; sent++) {
    await flood.send(message);
    if (sent % 10 !== 0) continue;
    await record.send(httpLogs([httpEntry({ principal: web })]));
    calls++;
  }
  await eventually('all of the record', () => told.calls === calls || undefined);
  expect(told.broken).toEqual([]);
});
