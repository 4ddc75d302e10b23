// As containers run it: a random uid without an entry, no HOME, a read-only file system but for one folder, and a stderr that belongs to
// somebody else. With --data everything works, to the end; without, each command says what to do; nothing is written anywhere else.
// The control: the same commands with what they ask for.
import type { ChildProcess } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { findEnvoy } from '../../../src/sidecar/envoy/envoy-binary.ts';
import { startHttp1Echo } from '../../support/echo-application.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { httpCall } from '../../support/http-call.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { createUnreadPipe } from '../../support/unread-pipe.ts';
import { type Confined, confine } from './confined.ts';

const stack = /^\s+at .*[:(]\d+|node:internal|^Node\.js v|throw |file:\/\/\/|UnhandledPromise/m;
const nowhere = /^error: no place to keep state: HOME is not set, and --data was not given\n {2}hint: /;

let folder: string;
let data: string;
let confined: Confined;
let envoy: string;
let ports: { readonly xds: number; readonly identity: number; readonly admin: number };
let [outbound, inbound] = [0, 0];
let application: Awaited<ReturnType<typeof startHttp1Echo>>;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-confined-'));
  chmodSync(folder, 0o755);
  data = join(folder, 'data');
  mkdirSync(data);
  mkdirSync(join(folder, 'cwd/mesh.d'), { recursive: true });
  envoy = join(folder, 'envoy-copy');
  const found = await findEnvoy({ env: process.env, log: silentLog });
  try {
    linkSync(found, envoy);
  } catch {
    copyFileSync(found, envoy);
  }
  const [xds = 0, identity = 0, admin = 0, to = 0, at = 0] = await freePorts(5);
  ports = { xds, identity, admin };
  [outbound, inbound] = [to, at];
  const documents = yaml(
    'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
    serviceText('api'),
    serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}]`),
    policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
  );
  writeFileSync(join(folder, 'cwd/mesh.d/mesh.yaml'), documents);
  chmodSync(join(folder, 'cwd'), 0o555);
  application = await startHttp1Echo();
  confined = confine(data, join(folder, 'cwd'));
  figure('confinedTo', confined.how);
});

afterEach(async () => {
  for (const child of running) if (child.exitCode === null) child.kill('SIGKILL');
  running.clear();
});

afterAll(async () => {
  await application.stop();
  // Nothing was written where it was started, or beside.
  expect(readdirSync(join(folder, 'cwd'))).toEqual(['mesh.d']);
  expect(readdirSync(join(folder, 'cwd/mesh.d'))).toEqual(['mesh.yaml']);
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly text: string;
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = confined.start(args, env);
  running.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, text })));
}

async function threeAtATime<T>(all: readonly T[], one: (row: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += 3) await Promise.all(all.slice(at, at + 3).map(one));
}

const serving = (): readonly string[] => [
  ...['serve', '--documents', 'mesh.d', '--xds-listen', `127.0.0.1:${ports.xds}`],
  ...['--identity-listen', `127.0.0.1:${ports.identity}`, '--admin-listen', `127.0.0.1:${ports.admin}`],
];
const asking = ['status', 'audit', 'certs', 'history', 'get Service', 'node list', 'token create --service api']
  .concat(['apply -f mesh.d', 'diff -f mesh.d', 'simulate -f mesh.d', 'explain web api'])
  .map((line) => line.split(' '));

it('without --data every command says what to do', { timeout: 240_000 }, async () => {
  const commands = [serving(), ['sidecar', '--service', 'api', '--app', '1', '--token', 'x'], ...asking];
  await threeAtATime(commands, async (args) => {
    const { code, text } = await run(args);
    expect(text, args.join(' ')).toMatch(nowhere);
    expect(code).toBe(1);
  });
});

it('where it cannot write it says so, and what else to give', { timeout: 180_000 }, async () => {
  // As container engines set HOME for a uid without an entry; who may write there finds another place that nobody can.
  const home = confined.how === 'no HOME' ? '/proc' : '/';
  const rows: readonly (readonly [readonly string[], Readonly<Record<string, string>>, RegExp])[] = [
    [
      serving(),
      { HOME: home },
      /^error: (cannot make the folder )?\/(proc\/)?\.local.*\n {2}hint: (.*--data|check the path)/,
    ],
    [
      [...serving(), '--data', '/proc/x'],
      {},
      /^error: (cannot make the folder )?\/proc\/x.*\n {2}hint: (.*--data|check the path)/,
    ],
    [
      ['validate', '--envoy', 'mesh.d'],
      { HOME: home },
      /^error: Envoy cannot be kept in \/.*\n {2}hint: .*XDG_CACHE_HOME/,
    ],
    [
      ['validate', '--envoy', 'mesh.d'],
      { ENVOY_BIN: envoy, TMPDIR: join(folder, 'none') },
      /^error: cannot make a temporary folder in .*\n {2}hint: .*TMPDIR/,
    ],
    // The controls.
    [['validate', 'mesh.d'], {}, /^valid: 4 documents/],
    [['validate', '--envoy', 'mesh.d'], { ENVOY_BIN: envoy, TMPDIR: data }, /^valid: 4 documents, 2 configurations/],
  ];
  await threeAtATime(rows, async ([args, env, says]) => {
    const { text } = await run(args, env);
    expect(text, args.join(' ')).toMatch(says);
    expect(text).not.toMatch(stack);
  });
});

it('a program that somebody else put into the shared temporary folder is not run', { timeout: 60_000 }, async () => {
  // Where the user may write, so that nothing else keeps the program from being run.
  const shared = join(data, 'shared');
  const cache = join(shared, 'cellwall-cache-54321');
  mkdirSync(cache, { recursive: true });
  for (const path of [shared, cache]) chmodSync(path, 0o777);
  writeFileSync(
    join(cache, `envoy-1.40.0-${process.arch}`),
    `#!/bin/sh\necho ran > ${join(data, 'ran')}\necho 'envoy  version: ${'0'.repeat(40)}/1.40.0/Clean/RELEASE/BoringSSL'\n`,
    { mode: 0o755 },
  );
  const { text } = await run(['validate', '--envoy', 'mesh.d'], { TMPDIR: shared });
  expect(readdirSync(data)).not.toContain('ran');
  if (confined.how !== 'no HOME')
    expect(text).toMatch(/^error: Envoy cannot be kept in .*\n {2}hint: .*XDG_CACHE_HOME/);
  expect(text).not.toMatch(stack);
});

it('with --data a wall runs, is asked, called and stopped', { timeout: 240_000 }, async () => {
  // Of the test's own user, whom nobody else may ask to open it again.
  const pipe = createUnreadPipe(folder);
  try {
    const control = join(data, 'control');
    const started = (args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess => {
      // Opened anew for each: what is made non-blocking in one is so in all that share it.
      const stderr = openSync(join(folder, 'pipe'), 'w');
      const child = confined.start(args, env, stderr);
      closeSync(stderr);
      running.add(child);
      return child;
    };
    const serve = started([...serving(), '--data', control]);
    const admin = `http://127.0.0.1:${ports.admin}`;
    await eventually(
      'it is ready',
      async () => (await fetch(`${admin}/readyz`).catch(() => undefined))?.ok || undefined,
      30_000,
    );
    const sidecar = (name: string, more: readonly string[]): ChildProcess =>
      started(
        [
          ...['sidecar', '--service', name, '--data', join(data, name), '--envoy-bin', envoy, ...more],
          ...['--identity-address', `127.0.0.1:${ports.identity}`, '--xds-address', `127.0.0.1:${ports.xds}`],
          ...['--drain-seconds', '1'],
        ],
        { CELLWALL_DATA: control },
      );
    const sidecars = [
      sidecar('api', ['--app', String(application.port), '--listen', `127.0.0.1:${inbound}`]),
      sidecar('web', []),
    ];
    await eventually(
      'calls pass',
      async () => (await httpCall({ port: outbound }).catch(() => undefined))?.status === 200 || undefined,
      60_000,
    );
    // From here on nobody reads.
    pipe.fill();
    await threeAtATime(asking, async (args) => {
      const { code, text } = await run([...args, '--admin', admin, '--data', control]);
      expect(text, args.join(' ')).not.toMatch(/^error|EACCES|EROFS/m);
      expect(code, args.join(' ')).toBe(0);
      expect(text).not.toMatch(stack);
    });
    expect((await httpCall({ port: outbound })).status).toBe(200);
    for (const child of [...sidecars, serve]) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
    }
  } finally {
    pipe.close();
  }
});
