// Calls that fail because of a sidecar or of what is behind it, each a real one with its helper: after each, `doctor` names the cause, as
// the helper and the control plane know it, and what to do. The control: one port that works.
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../../src/sidecar/run-sidecar.ts';
import type { SidecarOptions } from '../../../src/sidecar/sidecar-options.ts';
import { eventually } from '../../support/eventually.ts';
import { exchange, statusOf } from '../../support/exchange.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { meshText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { diagnosed, type Expected } from './diagnosed.ts';
import { callsBetweenReplicas } from './replicas.ts';
import { request } from './request-rows.ts';
import { callsThatTimeBreaks } from './times.ts';

/** Ports of one service with one sidecar; `nowhere` is not given to that. */
const ports = ['works', 'untouched', 'down', 'elsewhere', 'raw', 'nowhere'] as const;
const services = ['rejecting', 'leaving', 'squeezed', 'unissued'] as const;
const names = [...ports, ...services, 'blocked'] as const;
type Name = (typeof names)[number];

const sidecars = new Set<Sidecar>();
const servers: Server[] = [];
let wall: ServeHarness;
let listens: readonly number[] = [];
let diagnosedCalls = 0;
const portOf = (name: Name): number => listens[names.indexOf(name)] ?? 0;

async function listen(server: Server, host = '127.0.0.1', port = 0): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return (server.address() as AddressInfo).port;
}
const answering = (): Server => createHttpServer((_request, response) => response.end('ok'));

async function start(service: string, more: Partial<SidecarOptions> = {}): Promise<Sidecar> {
  const { token } = await wall.admin.createToken({ service });
  const started = await runSidecar({
    ...{ identity: `127.0.0.1:${wall.identityPort}`, xds: `127.0.0.1:${wall.xdsPort}`, token: new Redacted(token) },
    ...{
      dataDir: join(wall.folder, service),
      env: process.env,
      log: silentLog,
      envoyWords: { write() {} },
      drainSeconds: 0,
    },
    ...more,
  });
  sidecars.add(started);
  void started.exited.then(() => sidecars.delete(started));
  return started;
}

/** A table's size is a prime, which no schema says: Envoy alone rejects it. */
const odd = `kind: EnvoyResource
metadata: {name: odd}
spec:
  selector: {services: [rejecting]}
  patch:
    operation: merge
    typeUrl: type.googleapis.com/envoy.config.cluster.v3.Cluster
    name: inbound
    value: {lb_policy: MAGLEV, maglev_lb_config: {table_size: 1000}}`;

let leaving: Sidecar | undefined;

beforeAll(async () => {
  const application = await listen(answering());
  // On one address alone, and the sidecar is told another.
  const elsewhere = await listen(answering());
  const [nobody = 0, takenInbound = 0, unissuedInbound = 0, ...rest] = await freePorts(3 + names.length + 7);
  listens = rest.slice(0, names.length);
  const inbound = rest.slice(names.length);
  // Held by others, as a program that was started before them.
  await listen(createServer(), '127.0.0.1', portOf('blocked'));
  await listen(createServer(), '127.0.0.1', takenInbound);
  const depends = names.map((name) => {
    const isPort = ports.some((one) => one === name);
    return `{service: ${isPort ? `many, port: ${name}` : name}, listen: ${portOf(name)}}`;
  });
  wall = await startServe(
    yaml(
      meshText('strict'),
      `kind: Service\nmetadata: {name: many}\nspec: {retries: {attempts: 0}, ports: [${ports
        .map((name) => `{name: ${name}, protocol: ${name === 'raw' ? 'tcp' : 'http1'}}`)
        .join(', ')}]}`,
      ...[...services, 'blocked'].map((name) => serviceText(name, 'http1', ', retries: {attempts: 0}')),
      ...['many', ...services, 'blocked'].map((name) => policyText(name, name, 'allow', '[{from: [{service: web}]}]')),
      serviceText('web', 'http1', `, dependsOn: [${depends.join(', ')}]`),
      odd,
    ),
  );
  const at = (port = 0): string => `127.0.0.1:${port}`;
  const [one = '', two = '', three = '', four = '', five = '', six = '', seven = ''] = inbound.map(at);
  const behind = { application: at(application) };
  if (qualifying) leaving = await start('leaving', { inbound: five, ...behind });
  await start('many', {
    ports: [
      { name: 'works', inbound: one, ...behind },
      { name: 'untouched', inbound: seven, ...behind },
      { name: 'down', inbound: two, application: at(nobody) },
      { name: 'elsewhere', inbound: three, application: `[::1]:${elsewhere}` },
      { name: 'raw', inbound: four, application: at(nobody) },
    ],
  });
  if (qualifying) {
    await start('rejecting', { inbound: six, ...behind });
    await expect(start('squeezed', { inbound: at(takenInbound), ...behind })).rejects.toThrow(String(takenInbound));
  }
  if (qualifying) {
    await wall.admin.ban({ identity: 'unissued', reason: 'stolen' });
    await expect(start('unissued', { inbound: at(unissuedInbound), ...behind })).rejects.toThrow(/banned/);
  }
  await start('web');
  const works = async (name: Name): Promise<true | undefined> =>
    (await send(name).catch(() => 0)) === 200 ? true : undefined;
  await eventually('many answers', () => works('works'), 60_000);
  if (qualifying) await eventually('leaving answers', () => works('leaving'), 60_000);
}, 180_000);
afterAll(async () => {
  figure('failingSidecarsDiagnosed', diagnosedCalls);
  for (const { envoyPid } of sidecars) process.kill(envoyPid, 'SIGKILL');
  await Promise.all([...sidecars].map(({ exited }) => exited));
  await wall?.stop();
  for (const server of servers) server.close();
});

const send = async (to: Name): Promise<number> => statusOf(await exchange({ port: portOf(to), bytes: request('/x') }));
async function judged(target: string, expected: Expected): Promise<void> {
  await diagnosed(wall, 'web', target, expected);
  diagnosedCalls++;
}

test('beside all of them, what works is fine, as soon as a call is on record', async () => {
  const untouched = { caller: 'web', target: 'many:untouched' };
  const causes = async (): Promise<string> => {
    const { verdict, findings } = await wall.admin.doctor(untouched);
    return [verdict, ...findings.filter(({ weight }) => weight !== 'note').map(({ cause }) => cause)].join(' ');
  };
  expect(await causes()).toBe('unknown');
  expect(await send('untouched')).toBe(200);
  await eventually('its log has come', async () => (await causes()) === 'fine' || undefined, 20_000);
});

const rows: readonly (Expected & { readonly to: Name; readonly status: number })[] = [
  {
    to: 'down',
    status: 503,
    cause: 'application-down',
    what: /nothing takes connections at 127\.0\.0\.1:\d+ \(ECONNREFUSED\)/,
    toDo: /start the application/,
  },
  {
    to: 'elsewhere',
    status: 503,
    cause: 'application-elsewhere',
    what: /expected at \[::1\]:\d+, and listens on 127\.0\.0\.1 alone/,
    toDo: /--app/,
  },
  { to: 'raw', status: 0, cause: 'application-down', what: /nothing takes connections/, toDo: /start the application/ },
  {
    to: 'nowhere',
    status: 503,
    cause: 'listens-nowhere',
    what: /without --listen for this port/,
    toDo: /NAME=ADDRESS:PORT/,
  },
  {
    to: 'rejecting',
    status: 503,
    cause: 'configuration-rejected',
    what: /rejects its Cluster \(inbound\).*prime/,
    toDo: /EnvoyResource\/odd \(.*all\.yaml:\d+\)/,
  },
  {
    to: 'squeezed',
    status: 503,
    // Its sidecar ended at its start: another program has its port.
    cause: 'no-proxy',
    what: /no sidecar of squeezed is known/,
    toDo: /--listen/,
  },
  {
    to: 'unissued',
    status: 503,
    cause: 'svid-refused',
    what: /whoever asks for the identity of unissued gets none: .*banned/,
    toDo: /doctor svid/,
  },
  {
    to: 'blocked',
    status: 0,
    cause: 'port-taken',
    what: /the caller's sidecar .* cannot listen on 127\.0\.0\.1:\d+/,
    toDo: /dependsOn\.listen/,
  },
];

const ofPorts = rows.filter(({ to }) => to === 'blocked' || ports.some((name) => name === to));

test.each(qualifying ? rows : ofPorts)('$to: $cause', async ({ to, status, ...expected }) => {
  // What holds the caller's port takes the connection, and says nothing.
  if (to !== 'blocked') expect(await send(to)).toBe(status);
  await judged(ports.some((name) => name === to) ? `many:${to}` : to, expected);
  // The control: beside it, what has no fault works, and is fine.
  expect(await send('works')).toBe(200);
});

if (qualifying) {
  test('a sidecar that was killed', async () => {
    if (leaving === undefined) throw new Error('it was not started');
    process.kill(leaving.envoyPid, 'SIGKILL');
    await leaving.exited;
    expect(await send('leaving')).toBe(503);
    await judged('leaving', {
      cause: 'proxy-gone',
      what: /is gone since .*without saying goodbye/,
      toDo: /start it again/,
    });
  });

  callsThatTimeBreaks();
  callsBetweenReplicas();
}
