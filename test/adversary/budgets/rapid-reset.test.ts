// W opens streams on the xDS port and resets each at once (CVE-2023-44487): no limit on open streams sees them, and each costs work. On
// many connections, by many certificates of one host, of methods that exist and of others. Its connections end; nobody else waits.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { type FetchedSvid, fetchSvid } from '../../../src/sidecar/svid/svid-fetch.ts';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import {
  endHeaders,
  frameReader,
  frameType,
  headerBlock,
  http2Frame,
  preface,
  settings,
} from '../../support/raw-http2.ts';
import { createRawXdsClient } from '../../support/raw-xds-client.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeProcess, startServeProcess } from '../../support/serve-process.ts';
import type { TestCertificate } from '../../support/test-ca.ts';

const connections = qualifying ? 60 : 20;
const streams = 2000;
/** Each attack comes from one that has done nothing yet. */
const hosts = ['w0', 'w1', 'w2', 'w3'];
let wall: ServeProcess;
let attacker: TestCertificate;
let honest: TestCertificate;

beforeAll(async () => {
  wall = await startServeProcess(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}',
      ...['w', 'v', ...hosts].map((name) => serviceText(name)),
    ),
  );
  [attacker, honest] = [await enrol('w'), await enrol('v')];
}, 60_000);
afterAll(async () => {
  await wall?.stop();
});

async function enrol(service: string): Promise<TestCertificate> {
  return read(await wall.enrol(service));
}

/** W's, with its node key. */
async function renew(): Promise<TestCertificate> {
  const identity = `127.0.0.1:${wall.ports.identity}`;
  return read(await fetchSvid({ identity, dir: join(wall.folder, 'svid-1'), log: silentLog }));
}

function read({ chain, key, bundle }: FetchedSvid): TestCertificate {
  const [certificate = '', privateKey = '', root = ''] = [chain, key, bundle].map((file) => readFileSync(file, 'utf8'));
  return { certificate, key: privateKey, root };
}

function openAndReset(path: string, type: string): Buffer {
  const head = headerBlock([
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', path],
    [':authority', 'x'],
    ['content-type', type],
    ['te', 'trailers'],
  ]);
  const cancel = Buffer.from([0, 0, 0, 8]);
  const each = Array.from({ length: streams }, (_, index) => 1 + 2 * index).flatMap((stream) => [
    http2Frame(frameType.headers, endHeaders, stream, head),
    http2Frame(frameType.reset, 0, stream, cancel),
  ]);
  return Buffer.concat([preface, settings({}), ...each]);
}

function dial({ certificate: cert, key }: TestCertificate): TLSSocket {
  const { xds: port } = wall.ports;
  return connect({ host: '127.0.0.1', port, cert, key, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
}

/** A connection with its streams; resolves once the other side has ended it. */
async function flood(svid: TestCertificate, bytes: Buffer): Promise<void> {
  const socket = await new Promise<TLSSocket>((resolve, reject) => {
    const opened = dial(svid);
    opened.once('secureConnect', () => resolve(opened)).once('error', reject);
  });
  const ended = new Promise<void>((resolve) => {
    socket.on('close', () => resolve()).on('error', () => resolve());
    socket.on(
      'data',
      frameReader(({ type }) => type === frameType.goaway && resolve()),
    );
  });
  socket.write(bytes);
  await ended;
  socket.destroy();
}

/** What a new proxy of another host waits for its first answer. */
async function answerMs(): Promise<number> {
  const client = createRawXdsClient(wall.ports.xds, honest);
  const began = performance.now();
  const stream = client.delta();
  stream.send({ node: { id: 'spiffe://td1/service/v~1' }, typeUrl: typeUrls.cluster });
  await stream.next(20_000);
  client.close();
  return performance.now() - began;
}

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';

describe.each([
  ['of the streams that proxies have', ads, 'application/grpc'],
  ['of a method that nobody has', '/x/y', 'application/grpc'],
  ['that are no gRPC', ads, 'text/plain'],
  ['of the access log', '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs', 'application/grpc'],
])('%s', (_what, path, type) => {
  test('its connections end, and others are answered meanwhile', async () => {
    const own = await enrol(hosts.shift() ?? '');
    await answerMs();
    const before = wall.rssMb();
    const bytes = openAndReset(path, type);
    const floods = Promise.all(Array.from({ length: connections }, () => flood(own, bytes).catch(() => undefined)));
    const answer = await answerMs();
    const health = await wall.healthMs();
    await floods;
    figure('proxyAnsweredMs', Math.round(answer));
    figure('healthMs', Math.round(health));
    // Without a pace: 15 s for 20 connections of 1,000.
    expect(answer).toBeLessThan(5000);
    expect(health).toBeLessThan(2000);
    expect(wall.rssMb()).toBeLessThan(before * 1.2 + 20);
  }, 60_000);
});

test('another certificate of the same host is no other host; its own proxy gets through once it stops', async () => {
  await flood(attacker, openAndReset('/x/y', 'application/grpc')).catch(() => undefined);
  const renewed = await renew();
  expect(renewed.certificate).not.toBe(attacker.certificate);
  const admitted = await Promise.all(Array.from({ length: 60 }, () => isAdmitted(renewed)));
  // One in 50 ms is given again.
  expect(admitted.filter(Boolean).length).toBeLessThan(60);
  await eventually('its stream is answered', async () => {
    const client = createRawXdsClient(wall.ports.xds, renewed);
    const stream = client.delta();
    stream.send({ node: { id: 'spiffe://td1/service/w~1' }, typeUrl: typeUrls.cluster });
    const answered = await stream.next(1000).then(
      () => true,
      () => false,
    );
    client.close();
    return answered;
  });
}, 60_000);

/** Whether HTTP/2 is spoken with it. */
function isAdmitted(svid: TestCertificate): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial(svid);
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.on('error', () => resolve(false)).on('close', () => resolve(false));
    socket.write(Buffer.concat([preface, settings({})]));
  });
}
