// Who may open the socket of the Workload API: its owner and mode, from the first moment, for each connection; and a folder that is safe.
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import {
  type ServeWorkloadApiOptions,
  serveWorkloadApi,
  type WorkloadApi,
} from '../../src/workload-api/serve-workload-api.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { heardLog } from '../support/heard-log.ts';

const isRoot = process.geteuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534 };
let folder: string;
let path: string;
let clock: FakeClock;
let errors: string[];
let api: WorkloadApi | undefined;
beforeEach(() => {
  folder = temporaryFolder('socket-guard');
  path = join(folder, 'api.sock');
  clock = createFakeClock(Date.now());
  errors = [];
});
afterEach(async () => {
  await api?.close();
  api = undefined;
  rmSync(folder, { recursive: true, force: true });
});
async function serve(more: Partial<ServeWorkloadApiOptions> = {}): Promise<void> {
  const log = heardLog({ error: (fields) => void errors.push(JSON.stringify(fields)) });
  api = await serveWorkloadApi({ socket: { path }, methods: new Map(), clock, log, ...more });
}
/** Whether the server keeps a connection: of one that it refuses, it closes it at once. */
function isAnswered(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (answered: boolean): void => {
      resolve(answered);
      socket.destroy();
    };
    // HTTP/2 servers begin with their settings.
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0', 'latin1');
  });
}

test('while the mode is wider than it was set nobody is answered, which is an error once; set back, it goes on', async () => {
  await serve();
  expect(await isAnswered()).toBe(true);
  chmodSync(path, 0o666);
  for (let turn = 0; turn < 3; turn++) expect(await isAnswered()).toBe(false);
  expect(errors).toHaveLength(1);
  expect(errors.join()).toContain('0666');
  chmodSync(path, 0o600);
  expect(await isAnswered()).toBe(true);
});

test('a socket that was replaced or removed is an error within ten seconds, though nobody comes by it', async () => {
  await serve();
  renameSync(path, `${path}.old`);
  clock.advance(10_000);
  expect(errors.join()).toContain('removed');
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(path, resolve));
  clock.advance(10_000);
  expect(errors.join()).toContain('another one is in its place');
  other.close();
});

test.each([
  ['that others can write to', 0o777, /mode 0777/],
  ['that others can write to, sticky as it may be', 0o1777, /mode 1777/],
  ['that its group can write to', 0o770, /mode 0770/],
])('a folder %s is refused', async (_, mode, why) => {
  mkdirSync(join(folder, 'open'));
  chmodSync(join(folder, 'open'), mode);
  await expect(serve({ socket: { path: join(folder, 'open/api.sock') } })).rejects.toThrow(why);
});

test('a folder that is not there, or is none, is refused', async () => {
  writeFileSync(join(folder, 'file'), '');
  for (const name of ['none', 'file']) {
    await expect(serve({ socket: { path: join(folder, name, 'api.sock') } })).rejects.toThrow('folder is not there');
  }
});

test.skipIf(!isRoot)('a folder of another user is refused', async () => {
  mkdirSync(join(folder, 'theirs'));
  chownSync(join(folder, 'theirs'), nobody.uid, nobody.gid);
  await expect(serve({ socket: { path: join(folder, 'theirs/api.sock') } })).rejects.toThrow('belongs to user 65534');
});

test.skipIf(!isRoot)(
  'given to a user, the socket is that user’s; given to another, nobody is answered there',
  async () => {
    await serve({ owner: nobody, mode: 0o600 });
    const { uid, gid, mode } = statSync(path);
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ ...nobody, mode: 0o600 });
    expect(await isAnswered()).toBe(true);
    chownSync(path, 1, 1);
    expect(await isAnswered()).toBe(false);
    expect(errors.join()).toContain('1:1');
  },
);
