// The Workload API as go-spiffe and py-spiffe use it, unmodified: each watches through renewals, a change of the roots, and a restart of
// the process that serves it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { eventually } from '../support/eventually.ts';
import { figure } from '../support/figure.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { rootOf } from '../support/trust-bundles.ts';

const bin = fileURLToPath(new URL('../../bin/cellwall.cjs', import.meta.url));
const lifetimeS = 6;
const seen = z.strictObject({ id: z.string(), serial: z.string(), roots: z.number() });
let folder: string;
let serve: ServeHarness;
let socket: string;
let extraRoots: string;
const children: ChildProcess[] = [];

interface Running {
  readonly child: ChildProcess;
  /** Whole lines of standard output. */
  lines(): readonly string[];
  errors(): string;
}
function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Running {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return { child, lines: () => out.split('\n').slice(0, -1), errors: () => err };
}

async function end({ child }: Running, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await exited;
}

const dir = (): string => join(folder, 'svid');
const keeper = (token?: string): Running =>
  start(process.execPath, [
    bin,
    ...['svid', 'fetch', '--service', 'api', '--dir', dir(), '--watch', '--workload-api', `unix:${socket}`],
    ...['--identity-address', `127.0.0.1:${serve.identityPort}`, '--log-level', 'info', '-o', 'json'],
    ...(token === undefined ? [] : ['--token', token]),
  ]);

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'cellwall');
const clients = {
  'go-spiffe': (...audience: string[]) => start(join(folder, 'watch'), [`unix://${socket}`, ...audience]),
  // -S: without what the system's own Python has, which may be too old for it.
  'py-spiffe': (...audience: string[]) =>
    start('python3', ['-S', join(import.meta.dirname, 'py-spiffe/watch.py'), `unix://${socket}`, ...audience], {
      ...process.env,
      PYTHONPATH: join(cache, 'py-spiffe'),
    }),
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-workload-'));
  socket = join(folder, 'api.sock');
  extraRoots = join(folder, 'extra.pem');
  writeFileSync(extraRoots, await rootOf('first of others'));
  const built = spawnSync('go', ['build', '-o', join(folder, 'watch'), './watch'], {
    cwd: join(import.meta.dirname, 'go-spiffe'),
    encoding: 'utf8',
  });
  expect(built.status, built.stderr).toBe(0);
  serve = await startServe(yaml(meshText('strict', `, svid: {lifetime: ${lifetimeS}s}`), serviceText('api', 'http1')), {
    ca: { extraRoots },
  });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await serve.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('each client', () => {
  let served: Running;
  beforeAll(async () => {
    served = keeper((await serve.admin.createToken({ service: 'api' })).token);
    await eventually('the socket is there', () => existsSync(socket), 20_000).catch((reason: unknown) => {
      throw new Error(`${reason}: ${served.errors()}`);
    });
  });

  test.each(Object.entries(clients))('%s watches through renewals, new roots and a restart', async (name, client) => {
    const watching = client();
    const contexts = () => watching.lines().map((line) => seen.parse(JSON.parse(line)));
    const told = (what: string, holds: () => boolean) =>
      eventually(what, holds, 30_000).catch((reason: unknown) => {
        throw new Error(`${reason}: ${watching.lines().join('\n')} ${watching.errors()} ${served.errors()}`);
      });
    const serials = (): number => new Set(contexts().map(({ serial }) => serial)).size;
    await told('three certificates', () => serials() >= 3);
    const roots = contexts().at(-1)?.roots ?? 0;
    expect(roots).toBeGreaterThanOrEqual(2);
    writeFileSync(
      extraRoots,
      `${await rootOf('first of others')}\n${await rootOf(`second of others, ${name}`)}\n${await rootOf('third of others')}`,
    );
    const began = performance.now();
    await told('a new root', () => (contexts().at(-1)?.roots ?? 0) > roots);
    figure(`${name} newRootMs`, Math.round(performance.now() - began));
    await end(served, 'SIGKILL');
    const before = contexts().length;
    served = keeper();
    await told('the context again', () => contexts().length > before);
    await told('one certificate more', () => serials() >= 4);
    for (const { id } of contexts()) expect(id).toBe('spiffe://td1/service/api');
    writeFileSync(extraRoots, await rootOf('first of others'));
    await told('the roots as before', () => contexts().at(-1)?.roots === roots);
    await end(watching, 'SIGTERM');
    figure(`${name} contexts`, before);
  });

  test.each(Object.entries(clients))('%s fetches, validates and verifies a token', async (_, client) => {
    const running = client('db');
    await eventually('it has ended', () => running.child.exitCode !== null || undefined, 30_000);
    expect(running.errors()).toBe('');
    const id = 'spiffe://td1/service/api';
    expect(JSON.parse(running.lines()[0] ?? '')).toEqual({
      id,
      api: id,
      verified: id,
      audience: ['db'],
      refused: true,
    });
  });
});
