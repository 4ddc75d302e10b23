// Nobody reads stderr: a pipe that is full, a socket that is full, one whose reader is gone. The control plane answers on, ends when it
// is told to, and tells how much was lost once somebody reads again. Bursts that others cause are summed.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { createUnreadPipe, type UnreadPipe } from '../../support/unread-pipe.ts';

const bin = fileURLToPath(new URL('../../../bin/cellwall.cjs', import.meta.url));
const mesh = 'apiVersion: cellwall/v1\nkind: Mesh\nmetadata: { name: mesh }\nspec: { trustDomain: td1 }\n';
// More than fill a pipe; an address that is refused more often than 300 times at once is slowed down, which is not the matter here.
const requests = 400;

let folder: string;
let pipe: UnreadPipe;
let child: ChildProcess;
let ports: { readonly xds: number; readonly identity: number; readonly admin: number };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-unread-'));
  mkdirSync(join(folder, 'mesh.d'));
  writeFileSync(join(folder, 'mesh.d/mesh.yaml'), mesh);
  pipe = createUnreadPipe(folder);
  const [xds = 0, identity = 0, admin = 0] = await freePorts(3);
  ports = { xds, identity, admin };
});

afterEach(() => {
  child.kill('SIGKILL');
  pipe.close();
  rmSync(folder, { recursive: true, force: true });
});

function serve(stderr: number | 'pipe', level = 'info', more: readonly string[] = []): ChildProcess {
  const { xds, identity, admin } = ports;
  child = spawn(
    process.execPath,
    [
      ...[bin, 'serve', '--documents', join(folder, 'mesh.d'), '--data', join(folder, 'data'), '--log-level', level],
      ...['--xds-listen', `127.0.0.1:${xds}`, '--identity-listen', `127.0.0.1:${identity}`],
      ...['--admin-listen', `127.0.0.1:${admin}`, ...more],
    ],
    { stdio: ['ignore', more.length > 0 ? stderr : 'ignore', stderr] },
  );
  return child;
}

const ready = (): Promise<true> =>
  eventually('it is ready', async () => ((await healthy('readyz').catch(() => false)) ? true : undefined), 30_000);

async function healthy(route = 'healthz'): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${ports.admin}/${route}`, { signal: AbortSignal.timeout(1000) });
  return answer.ok;
}

/** Each is refused, and would be a line. */
async function nonsense(count: number): Promise<void> {
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port: ports.identity, path: '/nonsense', rejectUnauthorized: false }, (answer) => {
        answer.resume().on('end', () => resolve());
      })
        .on('error', reject)
        .setTimeout(5000, () => reject(new Error('no answer in 5 s')))
        .end();
    });
  for (let sent = 0; sent < count; sent += 20) await Promise.all(Array.from({ length: 20 }, one));
}

async function endsWell(): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const before = performance.now();
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(performance.now() - before).toBeLessThan(5000);
}

it('goes on with a pipe that is full, and tells what was lost', { timeout: 90_000 }, async () => {
  pipe.fill();
  serve(pipe.fd, 'debug');
  await ready();
  await nonsense(requests);
  expect(await healthy()).toBe(true);
  let text = '';
  await eventually('the log is told to who reads again', () => {
    text += pipe.read();
    return text.includes('"msg":"xDS listens"') || undefined;
  });
  pipe.fill();
  await endsWell();
});

it('goes on with a socket that nobody reads', { timeout: 90_000 }, async () => {
  serve('pipe', 'debug');
  await ready();
  await nonsense(requests);
  expect(await healthy()).toBe(true);
  await endsWell();
});

it('goes on when its reader is gone', { timeout: 60_000 }, async () => {
  serve('pipe');
  await ready();
  child.stderr?.destroy();
  await nonsense(40);
  expect(await healthy()).toBe(true);
  await endsWell();
});

it('says that it runs to nobody, on a full stdout and stderr from its start to its end', {
  timeout: 60_000,
}, async () => {
  pipe.fill();
  serve(pipe.fd, 'info', ['-o', 'json']);
  await ready();
  await endsWell();
});

it.each([
  ['a token that is none', ['--token', 'x', '--data', 'data']],
  ['a flag that is none', ['--no-such']],
  ['a folder that is none', ['--token', 'x', '--data', '/proc/x']],
])('a sidecar that cannot start ends with nobody to tell: %s', { timeout: 30_000 }, async (_what, args) => {
  pipe.fill();
  const command = [bin, 'sidecar', '--service', 'api', '--app', '1', ...args];
  child = spawn(process.execPath, command, { cwd: folder, stdio: ['ignore', pipe.fd, pipe.fd] });
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBeGreaterThan(0);
});

it('sums a burst of refused requests', { timeout: 60_000 }, async () => {
  serve(pipe.fd);
  await ready();
  let text = '';
  await nonsense(requests);
  const more = await eventually(
    'the sum',
    () => {
      text += pipe.read();
      return /"more":(\d+)/.exec(text)?.[1];
    },
    15_000,
  );
  const lines = text.split('\n').filter((line) => line.includes('"msg":"refused')).length;
  figure('linesOfABurst', lines);
  expect(lines).toBeLessThan(requests / 10);
  expect(Number(more)).toBeGreaterThan(requests / 2);
});
