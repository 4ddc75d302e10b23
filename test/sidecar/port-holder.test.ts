// Who has a port: real sockets of this process and of another, and what cannot be seen.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { portHolder } from '../../src/sidecar/envoy/port-holder.ts';
import type { ProcSocket } from '../../src/sidecar/envoy/proc-sockets.ts';
import { freePorts } from '../support/free-ports.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(host: string): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

const ours = new RegExp(`^pid ${process.pid} \\(.{1,96}\\)$`);

it.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '::1'],
  ['0.0.0.0', '127.0.0.1'],
  ['127.0.0.1', '0.0.0.0'],
])('one that listens on %s is in the way at %s', async (at, host) => {
  expect(portHolder({ host, port: await listen(at) })).toMatch(ours);
});

it('another process is told with its name, which is escaped', async () => {
  const [port = 0] = await freePorts(1);
  const program = `process.title = 'a\\x1b[2J'; require('net').createServer().listen(${port}, '127.0.0.1', () => console.log('there'))`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    expect(portHolder({ host: '127.0.0.1', port })).toBe(`pid ${child.pid} (a\\u001b[2J)`);
  } finally {
    child.kill();
  }
});

it('an outgoing connection is told as one', async () => {
  const port = await listen('127.0.0.1');
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const local = socket.localPort ?? 0;
  expect(portHolder({ host: '127.0.0.1', port: local })).toMatch(/^an outgoing connection of pid \d+ \(/);
  socket.destroy();
});

it('an outgoing connection is seen among thousands', async () => {
  const port = await listen('127.0.0.1');
  const sockets = await Promise.all(
    Array.from({ length: 1500 }, async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    }),
  );
  try {
    const told = sockets.slice(0, 40).map(({ localPort: at = 0 }) => portHolder({ host: '127.0.0.1', port: at }));
    expect(told.filter((one) => !one.startsWith('an outgoing connection of pid'))).toEqual([]);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

it('what cannot be seen is said so', async () => {
  const [port = 0] = await freePorts(1);
  const at = { host: '127.0.0.1', port };
  expect(portHolder(at)).toBe('a program that cannot be seen from here');
  const withUid = (uid: number): string => {
    const socket: ProcSocket = { address: '0.0.0.0', listens: true, uid, inode: 1 };
    return portHolder(at, { sockets: () => [socket], process: () => undefined });
  };
  const own = process.geteuid?.() ?? 0;
  expect(withUid(own)).toBe('a process that cannot be seen from here');
  expect(withUid(own + 1)).toBe(`a process of another user (uid ${own + 1})`);
});
