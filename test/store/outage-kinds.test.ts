// Faults of Redis under calls between real Envoys in four protocols: no call fails, nothing that was accepted is lost, and all is as
// before without anybody's help. CI runs the partition, and what the store itself does in the others (redis-failover.test.ts); the
// qualification all of it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { protocols } from '../support/protocol-load.ts';
import { type StoreWorld, type StoreWorldOptions, startStoreWorld, type WorldLoad } from '../support/store-world.ts';
import { startTcpRelay } from '../support/tcp-relay.ts';
import {
  type ClusterShard,
  createServers,
  type Server,
  type Servers,
  startCluster,
  startWatched,
} from '../support/valkeys.ts';

let servers: Servers;
let world: StoreWorld;
let load: WorldLoad;
let inForce: string;
const closers: (() => unknown)[] = [];

beforeEach(() => {
  servers = createServers();
});
afterEach(async () => {
  await world?.close();
  for (const close of closers.splice(0).reverse()) await close();
  await servers.stop();
}, 120_000);

const documents = async () => JSON.stringify((await world.serve.admin.documents()).documents);

async function begin(options: Omit<StoreWorldOptions, 'protocols'>): Promise<void> {
  world = await startStoreWorld({ protocols, ...options });
  inForce = await documents();
  load = world.load();
}

/** What must hold when the fault is over. */
async function asBefore(fault: string): Promise<void> {
  await eventually('it is well', async () => (await world.storeTrouble()) === 'none' || undefined, 60_000);
  await world.connected();
  expect(await documents()).toBe(inForce);
  await world.edits();
  expect(await documents()).toBe(inForce);
  expect((await world.serve.admin.status()).problems).toEqual([]);
  figure(`${fault}-recovered`, true);
}

async function noCallFailed(kind: string): Promise<void> {
  const ended = await load.end();
  for (const { protocol, fine, failed } of ended) {
    figure(`${kind}-${protocol}-fine`, fine);
    figure(`${kind}-${protocol}-failed`, failed.length);
    expect(failed, protocol).toEqual([]);
    expect(fine, protocol).toBeGreaterThan(100);
  }
}

const away = () => eventually('it is told', async () => (await world.storeTrouble()) === 'away' || undefined, 40_000);

async function refused(): Promise<void> {
  await expect(world.serve.admin.apply({ changes: [{ op: 'delete', key: 'Service/late' }] })).rejects.toMatchObject({
    code: 'unavailable',
  });
}

/** The documents are all there again. */
async function hasAll(server: Server, prefix: string): Promise<void> {
  await eventually(
    'it has the documents again',
    async () => Number(await server.ask('HLEN', `${prefix}:documents`).catch(() => 0)) === world.documents || undefined,
    40_000,
  );
}

describe('under calls between real Envoys', () => {
  it('one server: a partition, over a restart of the control plane; flapping; eviction', async () => {
    const server = await servers.start([]);
    const relay = await startTcpRelay(server.port);
    closers.push(() => relay.close());
    await begin({ redis: `redis://127.0.0.1:${relay.port}` });
    const heal = relay.partition();
    await away();
    await refused();
    await world.serve.restart();
    await world.connected();
    await world.rejoin();
    await world.connected();
    heal();
    await asBefore('partition');
    if (!qualifying) return noCallFailed('partition');

    for (let round = 0; round < 6; round += 1) {
      const again = relay.partition();
      await new Promise((resolve) => setTimeout(resolve, 500 + 500 * round));
      again();
      for (const connection of relay.connections) connection.cut();
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await asBefore('flapping');

    const redis = new Redis({ host: '127.0.0.1', port: server.port });
    closers.push(() => redis.disconnect());
    await redis.config('SET', 'maxmemory-policy', 'allkeys-random');
    await redis.config('SET', 'maxmemory', '8mb');
    const filler = 'x'.repeat(100_000);
    await eventually(
      'something of the documents was evicted',
      async () => {
        for (let at = 0; at < 20; at += 1) await redis.set(`filler-${Math.random()}`, filler);
        return (await redis.exists('cellwall:documents', 'cellwall:meta', 'cellwall:epoch')) < 3 || undefined;
      },
      90_000,
    );
    await redis.config('SET', 'maxmemory', '0');
    const fillers = await redis.keys('filler-*');
    if (fillers.length > 0) await redis.del(...fillers);
    await hasAll(server, 'cellwall');
    await asBefore('eviction');
    await noCallFailed('server');
  }, 400_000);

  if (!qualifying) return;

  it('Sentinels: the primary hangs, and then its successor is killed', async () => {
    const watched = await startWatched(servers, { name: 'walls', sentinelPassword: 'among us' });
    const { primary, replica, sentinels } = watched;
    const folder = mkdtempSync(join(tmpdir(), 'cellwall-sentinel-'));
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    const password = join(folder, 'password');
    writeFileSync(password, 'among us', { mode: 0o600 });
    const storeOptions = {
      sentinels: sentinels.map(({ port }) => `127.0.0.1:${port}`).join(),
      'sentinel-password-file': password,
    };
    await begin({ redis: 'redis://walls', storeOptions });
    const isPrimary = (server: Server) => async () =>
      JSON.stringify(await server.ask('ROLE').catch(() => '')).includes('"master"') || undefined;
    primary.child.kill('SIGSTOP');
    await eventually('the replica is promoted', isPrimary(replica), 60_000);
    await hasAll(replica, 'cellwall');
    await asBefore('hang');
    await world.serve.restart();
    await asBefore('restart');
    primary.child.kill('SIGCONT');
    await eventually('it follows', async () => ((await isPrimary(primary)()) === true ? undefined : true), 60_000);
    await eventually(
      'it is in step',
      async () => String(await primary.ask('INFO', 'replication')).includes('master_link_status:up') || undefined,
      60_000,
    );
    replica.child.kill('SIGKILL');
    await eventually('the former one is promoted', isPrimary(primary), 60_000);
    await hasAll(primary, 'cellwall');
    await world.rejoin();
    await asBefore('killed');
    await noCallFailed('sentinel');
  }, 400_000);

  it('a Cluster loses the primary of our keys, over a restart of the control plane', async () => {
    const shards = await startCluster(servers);
    const [first] = shards;
    if (first === undefined) throw new Error('no Cluster');
    const slot = Number(await first.primary.ask('CLUSTER', 'KEYSLOT', '{cellwall}'));
    const ours: ClusterShard = shards[slot <= 5460 ? 0 : slot <= 10_922 ? 1 : 2] ?? first;
    const other = shards.find((shard) => shard !== ours) ?? first;
    const nodes = shards.map(({ replica }) => `127.0.0.1:${replica.port}`).join();
    await begin({ redis: `redis://127.0.0.1:${other.primary.port}`, storeOptions: { 'cluster-nodes': nodes } });
    ours.primary.child.kill('SIGKILL');
    await eventually(
      'its replica is promoted',
      async () => JSON.stringify(await ours.replica.ask('ROLE')).includes('"master"') || undefined,
      60_000,
    );
    await hasAll(ours.replica, '{cellwall}');
    await asBefore('killed');
    await world.serve.restart();
    await world.rejoin();
    await asBefore('restart');
    // A shard without a replica: the Cluster is down as a whole.
    ours.replica.child.kill('SIGSTOP');
    await away();
    await refused();
    ours.replica.child.kill('SIGCONT');
    await asBefore('hang');
    await noCallFailed('cluster');
  }, 400_000);
});
