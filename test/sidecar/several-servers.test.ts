// A sidecar with several control planes: it uses one that works, whatever is wrong with the others, and keeps it.
import { rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import type { HostPort } from '../../src/lib/host-port.ts';
import type { Log } from '../../src/lib/log.ts';
import type { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { readStats } from '../../src/sidecar/envoy/read-stats.ts';
import { runSidecar } from '../../src/sidecar/run-sidecar.ts';
import {
  type ControlPlane,
  type ControlPlanes,
  createControlPlanes,
  nameOf,
  readControlPlanes,
} from '../../src/sidecar/servers/control-planes.ts';
import { firstThatAnswers } from '../../src/sidecar/servers/first-that-answers.ts';
import { priorityInUse } from '../../src/sidecar/servers/follow-envoy.ts';
import { followBundle } from '../../src/sidecar/svid/follow-bundle.ts';
import { loadNodeKey } from '../../src/sidecar/svid/node-key.ts';
import { obtainSvid } from '../../src/sidecar/svid/obtain-svid.ts';
import { createSvidFiles } from '../../src/sidecar/svid/svid-files.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeXds } from '../support/fake-xds.ts';
import { heardLog } from '../support/heard-log.ts';
import { createIdentityHarness, type IdentityHarness } from '../support/identity-harness.ts';
import { startTcpRelay } from '../support/tcp-relay.ts';

const api = 'spiffe://td1/service/api';
let harness: IdentityHarness;
let dir: string;
let told: string[];
let log: Log;
const closers: (() => unknown)[] = [];

beforeEach(async () => {
  harness = await createIdentityHarness();
  dir = temporaryFolder('several');
  told = [];
  const say =
    (level: string) =>
    (fields: object, message: string): void =>
      void told.push(`${level} ${JSON.stringify(fields)} ${message}`);
  log = heardLog({ warn: say('warn'), error: say('error') });
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await harness.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Accepts connections, and never says anything. */
async function silent(): Promise<HostPort> {
  const server = createServer((socket) => closers.push(() => socket.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

const planeAt = (at: HostPort): ControlPlane => ({ identity: at, xds: at });
const closed: HostPort = { host: '127.0.0.1', port: 1 };

/** Tried in this order. */
function inOrder(...[first, ...more]: readonly [HostPort, ...HostPort[]]): ControlPlanes {
  const all = [planeAt(first), ...more.map(planeAt)] as const;
  const names = all.map(nameOf).join();
  for (let seed = 0; ; seed += 1) {
    const made = createControlPlanes(all, String(seed));
    if (made.order().map(nameOf).join() === names) return made;
  }
}

async function obtain(servers: ControlPlanes, token: Redacted<string>) {
  const files = createSvidFiles(join(dir, 'svid'));
  return obtainSvid({ servers, token, nodeKey: await loadNodeKey(dir), files, clock: systemClock, log });
}

describe('the first SVID', () => {
  it('comes from the one that is right, whatever the others are: an impostor, one that hangs, one that is down', async () => {
    const impostor = await createIdentityHarness();
    closers.push(() => impostor.close());
    const servers = inOrder(impostor.address, await silent(), closed, harness.address);
    const { spiffeId, bundle } = await obtain(servers, await harness.token(api));
    expect({ spiffeId, bundle }).toEqual({ spiffeId: api, bundle: harness.roots() });
    expect(servers.identity()).toBe(harness.address);
    expect(told.filter((line) => line.startsWith('error'))).toEqual([
      expect.stringContaining(`"server":"${impostor.address.host}:${impostor.address.port}"`),
    ]);
    expect(told.join('\n')).toMatch(/does not have a root that the join token names.*skipped/);
    // Renewed by the same one, without a look at the others.
    told.length = 0;
    await obtain(servers, await harness.token(api));
    expect(told).toEqual([]);
  });

  it('is nobody else’s where all are impostors, and may come later where one is only down', async () => {
    const impostor = await createIdentityHarness();
    closers.push(() => impostor.close());
    const token = await harness.token(api);
    await expect(obtain(inOrder(impostor.address), token)).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(obtain(inOrder(impostor.address, closed), token)).rejects.toMatchObject({ code: 'unavailable' });
    await obtain(inOrder(closed, harness.address), token);
  });
});

describe('what one of them did', () => {
  const two = () => inOrder(closed, { host: '127.0.0.1', port: 2 });
  const failing = (code: ConstructorParameters<typeof CellwallError>[0], asked: number[]) => async (at: HostPort) => {
    asked.push(at.port);
    throw new CellwallError(code, 'no');
  };

  it('is final if it is a refusal, and said once as long as nothing changes', async () => {
    const asked: number[] = [];
    await expect(firstThatAnswers(two(), failing('permission_denied', asked), { log })).rejects.toThrow('no');
    expect(asked).toEqual([1]);
    const servers = two();
    for (const _ of [1, 2, 3]) {
      await expect(firstThatAnswers(servers, failing('unavailable', asked), { log })).rejects.toThrow('no');
    }
    expect(asked).toEqual([1, 1, 2, 1, 2, 1, 2]);
    expect(told).toHaveLength(2);
  });

  it('decides which is used from then on, and ends what waits at another one', async () => {
    const token = await harness.token(api);
    const svid = await obtain(inOrder(harness.address), token);
    const servers = inOrder(await silent(), harness.address);
    const ending = new AbortController();
    closers.push(() => ending.abort());
    let heard: string | undefined;
    void followBundle({
      ...{ servers, svid: () => svid, sequence: () => (heard === undefined ? 0 : 1e9), log, signal: ending.signal },
      onBundle: ({ bundle }) => {
        heard = bundle;
      },
      random: () => 0.01,
    });
    const before = servers.moved();
    await firstThatAnswers(
      servers,
      async ({ port }) => {
        if (port !== harness.address.port) throw new CellwallError('unavailable', 'it hangs');
      },
      { log },
    );
    expect(before.aborted).toBe(true);
    await eventually('the roots from the other one', () => (heard === harness.roots() ? true : undefined));
  });
});

describe('the order', () => {
  it('is its own for each host, uses all of them, and stays as it was without one of them', () => {
    const all = readControlPlanes('a:1,b:1,c:1');
    const seeds = fc.stringMatching(/^[a-z0-9]{1,12}$/);
    const firsts = new Set<string>();
    fc.assert(
      fc.property(seeds, fc.nat(2), (seed, gone) => {
        const order = createControlPlanes(all, seed).order();
        expect(createControlPlanes(readControlPlanes('c:1,b:1,a:1'), seed).order()).toEqual(order);
        const [first, ...more] = all.filter((_, index) => index !== gone);
        if (first === undefined) throw new Error('two are left');
        const rest = createControlPlanes([first, ...more], seed).order();
        expect(rest).toEqual(order.filter((one) => one !== all[gone]));
        firsts.add(order.map(nameOf)[0] ?? '');
      }),
    );
    expect(firsts.size).toBe(3);
  });

  it('needs as many of one address as of the other', () => {
    expect(() => readControlPlanes('a:1,b:1', 'a:2')).toThrow('not as many identity addresses as xDS addresses');
    expect(readControlPlanes('a:1,[::1]:1', 'a:2,b:2').map(({ xds }) => xds.host)).toEqual(['a', 'b']);
  });

  it('is Envoy’s once it runs: where its stream is', () => {
    const line = (at: string, active: number, priority: number): string =>
      `cellwall::${at}::cx_active::1\ncellwall::${at}::rq_active::${active}\ncellwall::${at}::priority::${priority}\n`;
    expect(priorityInUse(line('10.0.0.1:18000', 0, 0) + line('[::1]:18000', 1, 1))).toBe(1);
    expect(priorityInUse(line('10.0.0.1:18000', 1, 0) + line('10.0.0.3:18000', 2, 0))).toBe(0);
    expect(priorityInUse(line('10.0.0.1:18000', 1, 0) + line('[::1]:18000', 1, 1))).toBeUndefined();
    expect(priorityInUse(line('10.0.0.1:18000', 0, 0))).toBeUndefined();
    expect(priorityInUse('')).toBeUndefined();
  });
});

it('a real Envoy leaves one that hangs and one that dies, stays where it is when that one is back, and is followed', async () => {
  const planes = await Promise.all(
    [1, 2].map(async () => {
      const xds = await createFakeXds(harness.server.current(), harness.roots());
      closers.push(() => xds.close());
      const [stream, identity] = [await startTcpRelay(xds.port), await startTcpRelay(harness.address.port)];
      closers.push(stream.close, identity.close);
      return { xds, stream, identity };
    }),
  );
  const at = (part: 'stream' | 'identity'): string => planes.map((one) => `127.0.0.1:${one[part].port}`).join();
  const sidecar = await runSidecar({
    ...{ identity: at('identity'), xds: at('stream'), dataDir: join(dir, 'data'), token: await harness.token(api) },
    ...{ drainSeconds: 0, env: process.env, log, envoyWords: { write() {} }, countersEveryMs: 200 },
  });
  closers.push(() => sidecar.stop());
  const first = await eventually('a stream', () => planes.find(({ xds }) => xds.clients.length > 0));
  const second = planes.find((one) => one !== first);
  if (second === undefined) throw new Error('there are two');
  // It hangs: connections are open, and accepted, and nothing is answered.
  const since = performance.now();
  for (const connection of first.stream.connections) connection.hold();
  await eventually('a stream at the other one', () => second.xds.clients[0], 20_000);
  expect(performance.now() - since).toBeGreaterThan(500);
  await eventually(
    'it is followed',
    () => told.some((line) => line.includes('is at another control plane')) || undefined,
  );
  const reports = second.identity.connections.length;
  await eventually('reports go there', () => second.identity.connections.length > reports || undefined);
  // The first one is as good as new.
  for (const connection of first.stream.connections) connection.cut();
  const admin = sidecar.admin();
  if (admin === undefined) throw new Error('Envoy has an admin interface');
  const clusters = (): Promise<string> => readStats(admin, '/clusters?filter=^cellwall$');
  const healthy = async () => (await clusters()).match(/health_flags::healthy/g)?.length === 2 || undefined;
  await eventually('both are taken as good', healthy, 30_000);
  expect(second.stream.connections.at(-1)?.open).toBe(true);
  expect(first.xds.clients).toHaveLength(1);
  // The second one dies.
  await second.stream.close();
  await eventually('a stream at the first one again', () => first.xds.clients[1], 20_000);
}, 90_000);
