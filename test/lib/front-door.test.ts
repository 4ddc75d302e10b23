// The door of a port: who is slow while there is room, or while the process itself is busy, is not sent away.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { createFrontDoor, type FrontDoor, type FrontDoorOptions } from '../../src/lib/front-door.ts';

let server: Server;
let door: FrontDoor;
const clients: Socket[] = [];
let passed: Socket[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  door.close();
  server.close();
  passed = [];
});

async function open(options: Omit<FrontDoorOptions, 'pass'>): Promise<number> {
  door = createFrontDoor({ ...options, pass: (socket) => passed.push(socket) });
  server = createServer((socket) => door.welcome(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function knock(port: number, bytes = 'x'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const client = connect(port, '127.0.0.1', () => {
      if (bytes !== '') client.write(bytes);
      resolve(client);
    });
    clients.push(client.on('error', reject));
  });
}

test('who is slow stays, while others wait only because somebody goes first', async () => {
  let waitMs = 0;
  const port = await open({ settleMs: 5000, way: { waitMs: () => waitMs } });
  const slow = await knock(port);
  await expect.poll(() => passed.length).toBe(1);
  waitMs = 50;
  const next = await knock(port);
  await delay(1500);
  expect({ slow: slow.closed, next: next.closed, passed: passed.length }).toEqual({
    slow: false,
    next: false,
    passed: 1,
  });
  waitMs = 0;
  await expect.poll(() => passed.length).toBe(2);
});

test('who is slow makes room where it is full', async () => {
  const port = await open({ settleMs: 5000, maxPassed: 1 });
  const slow = await knock(port);
  await expect.poll(() => passed.length).toBe(1);
  await knock(port);
  await expect.poll(() => passed.length, { timeout: 3000 }).toBe(2);
  await expect.poll(() => slow.closed).toBe(true);
});

test('what this process was too busy to hear is nobody’s silence', async () => {
  const port = await open({ helloMs: 300, settleMs: 300 });
  const early = await knock(port);
  await expect.poll(() => passed.length).toBe(1);
  const silent = await knock(port, '');
  const end = performance.now() + 600;
  silent.write('x');
  while (performance.now() < end);
  await expect.poll(() => passed.length).toBe(2);
  expect(early.closed).toBe(false);
});

test('whoever says nothing, or nothing more, is sent away', async () => {
  const port = await open({ helloMs: 200, settleMs: 200 });
  const [silent, half] = await Promise.all([knock(port, ''), knock(port)]);
  await expect.poll(() => [silent.closed, half.closed], { timeout: 3000 }).toEqual([true, true]);
});

test('who comes from many addresses of one IPv6 network does not displace others', async () => {
  const port = await open({ helloMs: 60_000, maxWaiting: 2 });
  // As the kernel would give them.
  const from = ['2001:db8:2::1', '2001:db8:1::1', '2001:db8:1::2'];
  server.prependListener('connection', (socket) => {
    Object.defineProperty(socket, 'remoteAddress', { value: from.shift() });
  });
  const clients: Socket[] = [];
  for (const _ of from.slice()) clients.push(await knock(port, ''));
  const [honest, first, second] = clients;
  await expect.poll(() => first?.closed).toBe(true);
  expect([honest?.closed, second?.closed]).toEqual([false, false]);
});
