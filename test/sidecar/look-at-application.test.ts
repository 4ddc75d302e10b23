// Where a port is open, and whether that is around a sidecar: real sockets of both families.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { readListeners, socketsOn } from '../../src/sidecar/envoy/proc-sockets.ts';
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
  expect(await lookAtApplication({ host, port })).toEqual({ answers: true, on: [at], around });
  // Nobody noticed.
  expect(connections()).toBe(0);
});

it.each([
  ['127.0.0.1', '::1'],
  ['127.0.0.2', '127.0.0.1'],
])('one that listens on %s alone does not answer at %s, and it is told where it is', async (at, host) => {
  const { port } = await listen(at);
  expect(await lookAtApplication({ host, port })).toEqual({
    ...{ answers: false, why: 'ECONNREFUSED', on: [at], around: [] },
  });
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

it('what listens is found among many connections, without reading all of them', async () => {
  const held = createServer().listen(0, '127.0.0.1');
  servers.push(held);
  await once(held, 'listening');
  const { port } = held.address() as AddressInfo;
  const clients = Array.from({ length: 50 }, () => connect(port, '127.0.0.1'));
  await Promise.all(clients.map((client) => once(client, 'connect')));
  try {
    const all = socketsOn(port);
    expect(all.length).toBeGreaterThan(50);
    expect(readListeners()(port)).toEqual(all.filter(({ listens }) => listens));
    expect(readListeners()(port)).toHaveLength(1);
  } finally {
    for (const client of clients) client.destroy();
  }
});
