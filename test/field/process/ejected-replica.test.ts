// A replica whose application is dead, behind an Envoy that has no helper to say so: callers leave it out after a few failed calls, without
// a word in any document, and come back to it. The control: the same where the document says that none is left out. The only replica is
// never left out, and none is for what an application itself means by 500.
import { createServer, type Server } from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { httpCall } from '../../support/http-call.ts';
import { meshText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { startSidecarEnvoy } from '../../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../../support/start-envoy.ts';

const envoys: RunningEnvoy[] = [];
const applications: Server[] = [];
let wall: ServeHarness;
/** Where the two applications are; behind the first sidecar nobody listens yet. */
let [outbound, first, second, rpc] = [0, 0, 0, 0];
let secondAnswers = 200;
let firstApplication: Server;
/** Made well within the ten seconds for which it is left out. */
const calls = 100;

const documents = (more = ''): string =>
  yaml(
    meshText(),
    serviceText('rpc', 'grpc', ', timeouts: {request: 500ms}'),
    policyText('rpc', 'rpc', 'allow', '[{from: [{service: web}]}]'),
    serviceText('api', 'http1', more),
    serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}, {service: rpc, listen: ${rpc}}]`),
    policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
  );

async function listen(port: number, answer: () => number): Promise<Server> {
  const server = createServer((_request, response) => response.writeHead(answer()).end(String(port)));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  applications.push(server);
  return server;
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

/** `200 8080`: which application it was; `503`: of a replica's sidecar; `own`: its caller's own sidecar had nobody to send it to. */
async function call(): Promise<string> {
  const { status, body } = (await httpCall({ port: outbound, path: '/' }).catch(() => undefined)) ?? {
    status: 0,
    body: '',
  };
  if (status !== 503) return `${status} ${body}`;
  return body.includes("answered by the caller's own sidecar") ? 'own' : '503';
}

async function start(name: string, more: object): Promise<void> {
  envoys.push(await startSidecarEnvoy(wall, `spiffe://td1/service/${name}`, { variant: 'delta', ...more }));
}

async function told(count: number): Promise<readonly string[]> {
  const all: string[] = [];
  for (let sent = 0; sent < count; sent += 1) all.push(await call());
  return all;
}

const failed = (all: readonly string[]): number => all.filter((one) => !/^[25]00 /.test(one)).length;
const by = (port: number, all: readonly string[]): number => all.filter((one) => one.endsWith(` ${port}`)).length;
const leftOut = (): Promise<true> =>
  eventually('it is left out', async () => failed(await told(10)) === 0 || undefined, 30_000);

beforeAll(async () => {
  const [out = 0, one = 0, other = 0, inbound = 0, inboundToo = 0, calls = 0] = await freePorts(6);
  [outbound, first, second, rpc] = [out, one, other, calls];
  wall = await startServe(documents());
  await start('api', { inbound, application: first, instance: 'first' });
  await start('web', {});
  await eventually('its sidecar answers', async () => (await call()) === '503' || undefined, 30_000);

  // The only one: it is never left out, however often it fails, and takes the first call that it can.
  expect(new Set(await told(30))).toEqual(new Set(['503']));
  firstApplication = await listen(first, () => 200);
  expect(await call()).toBe(`200 ${first}`);
  await listen(second, () => secondAnswers);
  await start('api', { inbound: inboundToo, application: second, instance: 'second' });
  await eventually('the second answers', async () => by(second, [await call()]) === 1 || undefined, 30_000);
}, 90_000);

afterAll(async () => {
  for (const envoy of envoys) await envoy.stop();
  await wall?.stop();
  for (const application of applications) if (application.listening) await close(application);
});

test('none is left out for what an application means by 500', { timeout: 60_000 }, async () => {
  secondAnswers = 500;
  const all = await told(60);
  secondAnswers = 200;
  expect(failed(all)).toBe(0);
  // Had it been left out after five, the first would have answered all others.
  expect(by(second, all)).toBeGreaterThan(12);
});

test('it takes no calls within seconds', { timeout: 60_000 }, async () => {
  await close(firstApplication);
  const began = performance.now();
  await leftOut();
  figure('leftOutAfterMs', Math.round(performance.now() - began));
  const all = await told(calls);
  figure('failedCallsBesideAnEjectedReplica', failed(all));
  expect(failed(all)).toBe(0);
  expect(by(second, all)).toBe(calls);
});

if (qualifying) {
  test('of gRPC, what answers UNAVAILABLE or hangs counts as well, INTERNAL does not', {
    timeout: 120_000,
  }, async () => {
    const answers: (string | undefined)[] = ['13', '0'];
    const rpcs = await Promise.all(
      answers.map(async (_, at) => {
        const server = createHttp2Server().on('stream', (stream) => {
          const status = answers[at];
          const headers = { ':status': 200, 'content-type': 'application/grpc', 'x-by': String(at) };
          stream.on('error', () => {});
          // Hangs without one.
          if (status !== undefined) stream.respond({ ...headers, 'grpc-status': status }, { endStream: true });
        });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        const [inbound = 0] = await freePorts(1);
        const place = server.address();
        const application = typeof place === 'object' && place !== null ? place.port : 0;
        await start('rpc', { inbound, application, instance: `rpc${at}` });
        return server;
      }),
    );
    const client = connect(`http://127.0.0.1:${rpc}`);
    const one = (): Promise<string> =>
      new Promise((resolve) => {
        const path = { ':method': 'POST', ':path': '/a.B/C', 'content-type': 'application/grpc', te: 'trailers' };
        const stream = client.request(path, { endStream: true });
        stream.on('response', (headers) => resolve(`${headers['grpc-status']} ${headers['x-by'] ?? 'none'}`));
        stream.on('error', () => resolve('error'));
        stream.on('close', () => resolve('closed'));
      });
    const all = async (count: number): Promise<readonly string[]> => {
      const told: string[] = [];
      for (let sent = 0; sent < count; sent += 1) told.push(await one());
      return told;
    };
    try {
      await eventually('both', async () => new Set(await all(20)).size === 2 || undefined, 40_000);
      // An application's own error.
      expect((await all(60)).filter((text) => text === '13 0').length).toBeGreaterThan(12);
      for (const bad of ['14', undefined]) {
        answers[0] = bad;
        const began = performance.now();
        await eventually(
          `left out: ${bad}`,
          async () => (await all(10)).every((text) => text === '0 1') || undefined,
          40_000,
        );
        figure(
          bad === undefined ? 'hangingLeftOutAfterMs' : 'unavailableLeftOutAfterMs',
          Math.round(performance.now() - began),
        );
        answers[0] = '0';
        await eventually('back', async () => (await all(20)).includes('0 0') || undefined, 60_000);
      }
    } finally {
      client.destroy();
      for (const server of rpcs) server.close();
    }
  });

  test('it takes calls again when its application is back', { timeout: 120_000 }, async () => {
    await leftOut();
    await listen(first, () => 200);
    const began = performance.now();
    await eventually('it takes calls', async () => by(first, await told(10)) > 0 || undefined, 90_000);
    figure('backAfterMs', Math.round(performance.now() - began));
    const all = await told(calls);
    expect(failed(all)).toBe(0);
    expect(by(first, all)).toBeGreaterThan(calls / 10);
    await Promise.all(applications.splice(-1).map(close));
  });
}

test('the control: where nobody is left out, it takes its share', { timeout: 60_000 }, async () => {
  await wall.apply(documents(', outlierDetection: {maxEjectionPercent: 0}'));
  await eventually('it takes calls', async () => failed(await told(20)) > 0 || undefined, 30_000);
  const all = await told(calls);
  figure('failedCallsWithoutEjection', failed(all));
  expect(failed(all)).toBeGreaterThan(calls / 10);
});
