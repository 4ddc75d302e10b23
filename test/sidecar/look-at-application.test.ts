// Where a port is open, and whether that is around a sidecar: real sockets of both families.

import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { lookAtApplication } from '../../src/sidecar/look-at-application.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(host: string): Promise<{ readonly port: number; readonly connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

it.each([
  ['127.0.0.1', '127.0.0.1', []],
  ['::1', '127.0.0.1', []],
  ['0.0.0.0', '127.0.0.1', ['0.0.0.0']],
  ['::', '127.0.0.1', ['::']],
  ['::', '::1', ['::']],
])('one that listens on %s answers at %s', async (at, host, around) => {
  const { port, connections } = await listen(at);
  expect(await lookAtApplication({ host, port })).toEqual({ answers: true, around });
  // Nobody noticed.
  expect(connections()).toBe(0);
});

it('one that is gone does not answer', async () => {
  const { port } = await listen('127.0.0.1');
  await new Promise((resolve) => servers.pop()?.close(resolve));
  expect(await lookAtApplication({ host: '127.0.0.1', port })).toEqual({
    answers: false,
    why: 'ECONNREFUSED',
    around: [],
  });
});
