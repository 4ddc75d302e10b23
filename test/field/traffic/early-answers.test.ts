// Applications that answer before they have read the body, that close unused connections soon, and clients that ask before they send.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { figure, qualifying } from '../../support/figure.ts';
import { rawExchange } from '../../support/raw-http1.ts';
import { startWallPair, type WallPair } from '../../support/wall-pair.ts';

const calls = qualifying ? 200 : 40;
const bodyBytes = 2_000_000;

const servers: Server[] = [];
const pairs: WallPair[] = [];
afterAll(async () => {
  for (const pair of pairs) await pair.stop();
  for (const server of servers) server.close();
});

async function serving(
  handle: (socket: Socket, head: string) => void,
): Promise<{ readonly address: string; readonly port: number }> {
  const server = createServer((socket) => {
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      const before = text.includes('\r\n\r\n');
      text = (text + data.toString('latin1')).slice(0, 65_536);
      if (before || !text.includes('\r\n\r\n')) return;
      const head = text;
      text = '';
      handle(socket, head);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

async function wall(api: string, application: { readonly address: string; readonly port: number }): Promise<WallPair> {
  const pair = await startWallPair({ api, application });
  pairs.push(pair);
  await vi.waitFor(async () => expect((await rawExchange(pair.outbound, get)).status).toBeGreaterThan(0), {
    timeout: 10_000,
  });
  return pair;
}

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** The status of the first final answer; 0 without one. Sends the body only when told to go on, or at once. */
async function upload(
  port: number,
  expects: boolean,
): Promise<{ readonly status: number; readonly continued: boolean }> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let sent = 0;
  const part = Buffer.alloc(65_536);
  const more = (): void => {
    while (sent < bodyBytes && !socket.destroyed) {
      sent += part.length;
      if (!socket.write(part)) return;
    }
  };
  socket.on('error', () => undefined);
  socket.write(
    `POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: ` +
      `${Math.ceil(bodyBytes / part.length) * part.length}\r\n${expects ? 'Expect: 100-continue\r\n' : ''}\r\n`,
  );
  let continued = false;
  if (!expects) {
    socket.on('drain', more);
    more();
  }
  const final = (): number => Number(/^HTTP\/1\.1 ([2-5]\d\d)/m.exec(text)?.[1] ?? 0);
  await new Promise<void>((resolve) => {
    socket.on('data', (data: Buffer) => {
      text += data.toString('latin1');
      if (!continued && text.startsWith('HTTP/1.1 100')) {
        continued = true;
        socket.on('drain', more);
        more();
      }
      if (final() > 0) resolve();
    });
    socket.on('close', () => resolve());
    setTimeout(resolve, 10_000).unref();
  });
  socket.destroy();
  return { status: final(), continued };
}

describe('an application that answers 413 and closes with the body unread', () => {
  let application: { readonly address: string; readonly port: number };
  let pair: WallPair;
  beforeAll(async () => {
    application = await serving((socket, head) => {
      if (head.startsWith('GET')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      else {
        socket.pause();
        socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n', () =>
          socket.end(),
        );
      }
    });
    pair = await wall('protocol: http1', application);
  }, 60_000);

  test.each([
    ['control: without the wall, asked before', true, 'direct'],
    ['asked before: always told', true, 'wall'],
  ] as const)('%s', { timeout: 60_000 }, async (_what, expects, way) => {
    const answers: number[] = [];
    let continued = 0;
    for (let one = 0; one < calls; one++) {
      const answer = await upload(way === 'wall' ? pair.outbound : application.port, expects);
      answers.push(answer.status);
      if (answer.continued) continued++;
    }
    expect(new Set(answers)).toEqual(new Set([413]));
    // The application was asked, and not somebody else.
    expect(continued).toBe(0);
    if (way === 'wall') figure('answersToExpect', answers.length);
  });

  test('sent at once: how many are told is Envoy’s, and every other is a 503', { timeout: 60_000 }, async () => {
    const statuses = new Map<number, number>();
    for (let one = 0; one < calls; one++) {
      const { status } = await upload(pair.outbound, false);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    figure('earlyAnswersTold', statuses.get(413) ?? 0);
    figure('earlyAnswersOf', calls);
    expect([...statuses.keys()].filter((status) => ![413, 503].includes(status))).toEqual([]);
  });
});

test('a client that asks is told to go on by the application, and its upload arrives', async () => {
  const application = await serving((socket, head) => {
    if (head.startsWith('GET')) {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    let read = 0;
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
    socket.on('data', (data: Buffer) => {
      read += data.length;
      if (read >= length) socket.end(`HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    });
  });
  const pair = await wall('protocol: http1', application);
  expect(await upload(application.port, true)).toEqual({ status: 201, continued: true });
  expect(await upload(pair.outbound, true)).toEqual({ status: 201, continued: true });
});

test('an application that closes unused connections after 300 ms fails no call', { timeout: 90_000 }, async () => {
  const application = await serving((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    socket.removeAllListeners('timeout').setTimeout(300, () => socket.end());
  });
  const pair = await wall('protocol: http1', application);
  const statuses: number[] = [];
  // Pauses around its timeout, several callers at a time, so that every distance between close and next request is met.
  const caller = async (first: number): Promise<void> => {
    for (let pause = first; pause < 340; pause += qualifying ? 2 : 8) {
      statuses.push((await rawExchange(pair.outbound, get)).status);
      await delay(pause);
    }
  };
  await Promise.all([220, 240, 260, 280].map(caller));
  figure('callsToAnApplicationThatCloses', statuses.length);
  figure('failedOfThem', statuses.filter((status) => status !== 200).length);
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
});
