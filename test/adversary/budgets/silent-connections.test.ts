// N and L open as many connections as they can and say nothing, a byte, or a handshake that goes no further, at each of the three ports:
// whoever means it is answered as before, memory stays flat, and what they opened ends.

import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { createRawXdsClient } from '../../support/raw-xds-client.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeProcess, startServeProcess } from '../../support/serve-process.ts';

let wall: ServeProcess;
const connections = qualifying ? 4000 : 300;

beforeAll(async () => {
  wall = await startServeProcess(
    yaml('kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}', serviceText('w'), serviceText('v')),
  );
}, 60_000);
afterAll(async () => {
  await wall?.stop();
});

/** A TLS record that promises more than comes. */
const half = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);
const kinds: readonly (readonly [name: string, first: Buffer | undefined])[] = [
  ['silence', undefined],
  ...(qualifying ? ([['one byte', Buffer.from([0x16])]] as const) : []),
  ['half a handshake', half],
];

async function hold(port: number, first: Buffer | undefined): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  for (let number = 0; number < connections; number++) {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()).once('close', () => resolve()));
    if (first !== undefined) socket.write(first);
    sockets.push(socket);
  }
  return sockets;
}

/** A whole handshake without a certificate, and then nothing: as far as the identity port lets anybody. */
async function holdTls(port: number): Promise<readonly Socket[]> {
  return Promise.all(
    Array.from({ length: Math.min(connections, 400) }, async () => {
      const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
      socket.on('error', () => undefined);
      await new Promise<void>((resolve) =>
        socket.once('secureConnect', () => resolve()).once('close', () => resolve()),
      );
      return socket;
    }),
  );
}

let proxies = 0;

async function answered(): Promise<number> {
  const began = performance.now();
  // A join over the identity port, a stream over the xDS port, an apply over the admin socket's API.
  const { chain, key, bundle } = await wall.enrol('v');
  const [certificate = '', privateKey = '', root = ''] = [chain, key, bundle].map((file) => readFileSync(file, 'utf8'));
  const client = createRawXdsClient(wall.ports.xds, { certificate, key: privateKey, root });
  const stream = client.delta();
  stream.send({ node: { id: `spiffe://td1/service/v~${++proxies}` }, typeUrl: typeUrls.cluster });
  await stream.next(20_000);
  client.close();
  return performance.now() - began;
}

test('those who mean it are answered, memory stays flat, and the silent end', async () => {
  await answered();
  const alone = await answered();
  const cold = wall.rssMb();
  const descriptors = wall.descriptors();
  let [peak, slowest] = [cold, 0];
  const wave = async (kind: () => Promise<readonly Socket[]>): Promise<readonly Socket[]> => {
    const held = await kind();
    slowest = Math.max(slowest, await answered());
    peak = Math.max(peak, wall.rssMb());
    return held;
  };
  const everyKind = async (): Promise<void> => {
    for (const port of [wall.ports.identity, wall.ports.xds]) {
      for (const [name, first] of kinds) {
        const held = await wave(() => hold(port, first));
        await eventually(
          `${name} at ${port} ends`,
          () => held.every(({ destroyed, readyState }) => destroyed || readyState !== 'open') || undefined,
          30_000,
        );
      }
    }
    for (const socket of await wave(() => holdTls(wall.ports.identity))) socket.destroy();
  };
  // The first round takes what the budget of connections takes, and what a process takes that does anything for the first time.
  await everyKind();
  const before = peak;
  figure('memoryFirstRoundMb', Math.round(peak - cold));
  await everyKind();
  figure('connectionsOfAKind', connections);
  figure('memoryBeforeMb', Math.round(before));
  figure('memoryPeakMb', Math.round(peak));
  figure('answeredAloneMs', Math.round(alone));
  figure('answeredSlowestMs', Math.round(slowest));
  expect(before).toBeLessThan(cold + 100);
  expect(peak).toBeLessThan(before * 1.2);
  expect(slowest).toBeLessThan(5000);
  await eventually('descriptors are given back', () => wall.descriptors() < descriptors + 20 || undefined, 20_000);
}, 480_000);
