// The admin API's socket: nobody but the control plane's user connects, what somebody else put there is not spoken to, and whoever fills
// the port keeps nobody from it.
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { adminSocketPath, checkSocket } from '../../../src/admin/admin-socket.ts';
import { createAdminToken } from '../../../src/admin/token.ts';
import { runCli } from '../../support/cli-harness.ts';
import { figure } from '../../support/figure.ts';
import { meshText, serviceText, yaml } from '../../support/resolve-text.ts';
import { startServe } from '../../support/serve-harness.ts';
import { falseServer, holds, plainAnswers, shortFolder } from './false-server.ts';

let folder: ReturnType<typeof shortFolder>;
let data: string;
let path: string;

beforeEach(() => {
  folder = shortFolder();
  data = join(folder.path, 'data');
  mkdirSync(data, { mode: 0o700 });
  path = adminSocketPath(data);
});

afterEach(() => folder.remove());

async function withSocket(test: () => void | Promise<void>, at = path): Promise<void> {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(at, resolve));
  chmodSync(at, 0o600);
  try {
    await test();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

const me = process.geteuid?.() ?? 0;

it('is taken as it is made', () =>
  withSocket(() => {
    expect(() => checkSocket(path)).not.toThrow();
    // Root can give it away; anybody else made it as himself.
    if (me === 0) chownSync(path, 4242, 4242);
    expect(() => checkSocket(path, me + 1)).toThrow(/belongs to another user/);
  }));

it.each([
  ['connectable by the group', () => chmodSync(path, 0o660), /can be connected to by other users/],
  ['connectable by all', () => chmodSync(path, 0o666), /can be connected to by other users/],
  ['in a folder that all can write', () => chmodSync(data, 0o777), /a folder that other users can write/],
  ['in a folder that all can write, sticky', () => chmodSync(data, 0o1777), /a folder that other users can write/],
] as const)('is not used if it is %s', async (_how, change, message) => {
  await withSocket(() => {
    change();
    expect(() => checkSocket(path)).toThrow(message);
  });
});

it('is not used if it is a file, a folder, a link to a socket, nothing, or too long a name', async () => {
  expect(() => checkSocket(path)).toThrow(/no such socket/);
  writeFileSync(path, '');
  expect(() => checkSocket(path)).toThrow(/is not a socket/);
  const other = join(folder.path, 'other.sock');
  await withSocket(() => {
    symlinkSync(other, join(data, 'link.sock'));
    expect(() => checkSocket(join(data, 'link.sock'))).toThrow(/is not a socket/);
  }, other);
  expect(() => checkSocket(data)).toThrow(/is not a socket/);
  expect(() => checkSocket(`/${'x'.repeat(104)}`)).toThrow(/longer than/);
});

it('that another planted learns nothing, looked at or not', async () => {
  const token = createAdminToken(data).reveal();
  const server = await falseServer(plainAnswers['200'] ?? (() => {}), { path });
  try {
    // As he makes it: for all.
    chmodSync(path, 0o666);
    const refused = await runCli(['status', '--data', data]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('can be connected to by other users') });
    expect(server.connections()).toBe(0);
    // And if every look deceived.
    chmodSync(path, 0o600);
    const met = await runCli(['status', '--data', data]);
    expect(met).toMatchObject({ code: 1, stderr: expect.stringContaining('does not prove that it knows the token') });
    expect(server.connections()).toBeGreaterThan(0);
    expect(holds(server.received(), token)).toBe(false);
  } finally {
    await server.close();
  }
});

it('answers the user of the control plane while another one fills the port', async () => {
  const wall = await startServe(yaml(meshText(), serviceText('web'), serviceText('api')));
  const served = join(wall.folder, 'data');
  const sockets: Socket[] = [];
  try {
    const found = adminSocketPath(served);
    expect(statSync(found).mode & 0o777).toBe(0o600);
    expect(statSync(served).mode & 0o777).toBe(0o700);
    const alone = await runCli(['status', '--data', served]);
    expect(alone).toMatchObject({ code: 0, stderr: '' });
    for (let count = 0; count < 400; count++) {
      const socket = dial(wall.adminPort, '127.0.0.1');
      socket.on('error', () => {});
      sockets.push(socket);
    }
    await Promise.all(sockets.map((socket) => new Promise((done) => socket.once('connect', done).once('close', done))));
    const started = performance.now();
    for (let count = 0; count < 12; count++) {
      const applied = await runCli(['apply', '--data', served, '--urgent', '-f', '-'], {
        stdin: yaml(serviceText(`s${count}`)),
      });
      expect(applied).toMatchObject({ code: 0 });
    }
    figure('urgentAppliesOf12WithPortFull', 12);
    figure('urgentApplyMeanMs', Math.round((performance.now() - started) / 12));
    // The control: the port is full.
    const port = await runCli(['history', '--data', served, '--admin', `127.0.0.1:${wall.adminPort}`]);
    expect(port.code).toBe(1);
  } finally {
    for (const socket of sockets) socket.destroy();
    await wall.stop();
  }
});

it('takes a token from the environment, and plain HTTP with the token, as a script uses it', async () => {
  const wall = await startServe(yaml(meshText(), serviceText('web')));
  try {
    const served = join(wall.folder, 'data');
    const token = readFileSync(join(served, 'admin.token'), 'utf8').trim();
    const answers = await Promise.all(
      [`authorization: Bearer ${token}\r\n`, ''].map(
        (header) =>
          new Promise<string>((resolve, reject) => {
            const socket = dial(adminSocketPath(served));
            let text = '';
            socket.on('data', (bytes) => {
              text += bytes;
            });
            socket.on('error', reject).on('close', () => resolve(text));
            socket.write(`GET /v1/status HTTP/1.1\r\nhost: localhost\r\n${header}connection: close\r\n\r\n`);
          }),
      ),
    );
    expect(answers.map((answer) => answer.slice(9, 12))).toEqual(['200', '401']);
  } finally {
    await wall.stop();
  }
});

it('is there again after a control plane that was killed left its own', async () => {
  const wall = await startServe(yaml(meshText(), serviceText('web')));
  try {
    const served = join(wall.folder, 'data');
    await wall.restart(() => {
      const stale = createServer(() => {});
      stale.listen(adminSocketPath(served));
      stale.unref();
    });
    expect(await runCli(['status', '--data', served])).toMatchObject({ code: 0 });
  } finally {
    await wall.stop();
  }
});
