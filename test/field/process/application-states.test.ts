// Real applications behind real sidecars, in the states in which they are found: on 127.0.0.1, on ::1 alone, on every address, dead and
// started later, so slow that no call is answered, coming and going. What the sidecar's log says at its start, what `cellwall status`
// shows, and who noticed. The control is the first: nothing is told of it.
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatStatus } from '../../../src/cli/output/format-status.ts';
import { ownAddresses } from '../../../src/lib/own-addresses.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../../src/sidecar/run-sidecar.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { heardLog } from '../../support/heard-log.ts';
import { meshText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { startSidecarEnvoy } from '../../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../../support/start-envoy.ts';

const services = ['plain', 'six', 'wide', 'late', 'slow', 'bare'] as const;
type Name = (typeof services)[number];

interface Line {
  readonly message: string;
  readonly [field: string]: unknown;
}

let wall: ServeHarness;
let bare: RunningEnvoy;
const ports = new Map<Name, number>();
const applications = new Map<Name, Server>();
const connections = new Map<Name, number>();
const open = new Set<Socket>();
const said = new Map<Name, Line[]>();
const errors: Line[] = [];
const sidecars: Sidecar[] = [];
/** Where the control plane finds what is open on every address. */
const [beyond] = ownAddresses().filter((address) => !address.includes(':'));
const portOf = (name: Name): number => ports.get(name) ?? 0;

/** Accepts, and says nothing. */
async function listen(name: Name, host: string): Promise<void> {
  const server = createServer((socket) => {
    connections.set(name, (connections.get(name) ?? 0) + 1);
    socket.on('error', () => {});
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen({ port: portOf(name), host, ipv6Only: true }, resolve));
  applications.set(name, server);
}

async function close(name: Name): Promise<void> {
  const closed = new Promise((resolve) => applications.get(name)?.close(resolve));
  for (const socket of open) socket.destroy();
  await closed;
}

async function start(name: Name, inbound: number): Promise<void> {
  const { token } = await wall.admin.createToken({ service: name });
  const lines: Line[] = [];
  said.set(name, lines);
  const hear = (fields: object, message: string): void => void lines.push({ ...fields, message });
  const sidecar = await runSidecar({
    identity: `127.0.0.1:${wall.identityPort}`,
    xds: `127.0.0.1:${wall.xdsPort}`,
    token: new Redacted(token),
    dataDir: join(wall.folder, name),
    inbound: `127.0.0.1:${inbound}`,
    application: `127.0.0.1:${portOf(name)}`,
    env: process.env,
    log: heardLog({ info: hear, warn: hear, error: hear }),
    envoyWords: { write() {} },
    drainSeconds: 0,
  });
  sidecars.push(sidecar);
}

const heard = (name: Name, message: RegExp): readonly Line[] =>
  (said.get(name) ?? []).filter((line) => message.test(line.message));
const says = (name: Name, message: RegExp): Promise<Line> =>
  eventually(`${name}: ${message}`, async () => heard(name, message).at(-1), 20_000);

async function shown(): Promise<string> {
  const [status, all, { proxies }] = await Promise.all([
    wall.admin.status(),
    wall.admin.services(),
    wall.admin.proxies(),
  ]);
  return formatStatus({ status, services: all.services, proxies, traffic: [], now: Date.now() });
}

const shows = (text: RegExp): Promise<true> =>
  eventually(`status shows ${text}`, async () => text.test(await shown()) || undefined, 40_000);

beforeAll(async () => {
  const found = await freePorts(2 * services.length);
  for (const [at, name] of services.entries()) ports.set(name, found[2 * at] ?? 0);
  const error = (fields: object, message: string): void => void errors.push({ ...fields, message });
  const log = heardLog({ error, child: () => heardLog({ error }) });
  wall = await startServe(yaml(meshText(), ...services.map((name) => serviceText(name, 'http1'))), { log });
  await listen('plain', '127.0.0.1');
  await listen('six', '::1');
  await listen('wide', '0.0.0.0');
  await listen('slow', '127.0.0.1');
  await listen('bare', '0.0.0.0');
  const helped = services.filter((name) => name !== 'bare');
  await Promise.all(helped.map((name, at) => start(name, found[2 * at + 1] ?? 0)));
  const own = { variant: 'delta', inbound: found.at(-1) ?? 0, application: portOf('bare') } as const;
  bare = await startSidecarEnvoy(wall, 'spiffe://td1/service/bare', own);
}, 90_000);

afterAll(async () => {
  for (const { envoyPid } of sidecars) process.kill(envoyPid, 'SIGKILL');
  await Promise.all(sidecars.map(({ exited }) => exited));
  await bare?.stop();
  await wall?.stop();
  await Promise.all([...applications.keys()].map(close));
});

it('one on 127.0.0.1 answers, and nobody can go around its sidecar', { timeout: 60_000 }, async () => {
  expect(await says('plain', /^the application answers$/)).toMatchObject({ listensOn: ['127.0.0.1'] });
  await shows(/^plain +strict +1\/1 +done/m);
  await shows(new RegExp(`plain~\\S+ +127\\.0\\.0\\.1:${portOf('plain')} +yes +127\\.0\\.0\\.1 +-$`, 'm'));
  expect(heard('plain', /^the application (does not|can be)/)).toEqual([]);
});

it('one on ::1 alone answers, there', { timeout: 60_000 }, async () => {
  expect(await says('six', /^the application answers$/)).toMatchObject({ listensOn: ['::1'] });
  await shows(/^six +strict +1\/1 +done/m);
  await shows(new RegExp(`six~\\S+ +127\\.0\\.0\\.1:${portOf('six')} +yes +::1 +-$`, 'm'));
});

it('one on every address is told with where it is reached, by its sidecar and by the control plane', {
  timeout: 60_000,
}, async () => {
  const port = portOf('wide');
  const { around, hint } = await says('wide', /^the application can be reached around this sidecar/);
  expect(hint).toMatch(/127\.0\.0\.1/);
  if (beyond === undefined) return;
  expect(around).toContain(`${beyond}:${port}`);
  const both = `0\\.0\\.0\\.0:${port}, ${beyond.replaceAll('.', '\\.')}:${port}`;
  await shows(new RegExp(`^wide +strict +1/1 +strict, but can be reached without its sidecar: ${both}`, 'm'));
  const at = `${beyond}:${port}`;
  await eventually('the log', async () => errors.some((line) => line['at'] === at) || undefined, 10_000);
  expect(errors.filter((line) => line['at'] === at)).toMatchObject([{ service: 'wide' }]);
});

it('one behind an Envoy without a helper is found by the control plane alone', { timeout: 60_000 }, async () => {
  if (beyond === undefined) return;
  await shows(
    new RegExp(`^bare +strict +1/1 +strict, but can be reached without its sidecar: ${beyond}:${portOf('bare')}`, 'm'),
  );
});

it('one that is dead is told with what to do; once it is started it answers', { timeout: 60_000 }, async () => {
  const dead = await says('late', /^the application does not answer/);
  expect(dead).toMatchObject({ reason: 'ECONNREFUSED', hint: expect.stringMatching(/^start it, or say with --app/) });
  await shows(/^late +strict +0\/1 +strict, but no proxy serves/m);
  await shows(new RegExp(`late~\\S+ +127\\.0\\.0\\.1:${portOf('late')} +NO \\(ECONNREFUSED\\)`, 'm'));
  const began = performance.now();
  await listen('late', '127.0.0.1');
  await says('late', /^the application answers$/);
  await shows(/^late +strict +1\/1 +done/m);
  figure('startedLaterKnownAfterMs', Math.round(performance.now() - began));
});

it('no application notices that it is looked at, the slowest one neither', async () => {
  await shows(/^slow +strict +1\/1 +done/m);
  // A hello at the start finds out whether it speaks TLS.
  for (const name of ['plain', 'six', 'slow'] as const) expect(connections.get(name) ?? 0).toBeLessThanOrEqual(1);
  figure('connectionsToASlowApplication', connections.get('slow') ?? 0);
});

if (qualifying) {
  it('one that comes and goes is told each time, and counts as up later each time', { timeout: 180_000 }, async () => {
    const flaps = 3;
    for (let flap = 0; flap < flaps; flap += 1) {
      await close('late');
      await shows(/^late +strict +0\/1/m);
      await listen('late', '127.0.0.1');
      await eventually(
        'it answers',
        async () => heard('late', /^the application answers$/).length > flap + 1 || undefined,
        20_000,
      );
      await shows(/^late +strict +1\/1 +done/m);
    }
    expect(heard('late', /^the application does not answer/).length).toBe(flaps + 1);
  });
}
