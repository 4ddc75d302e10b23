// A primary that hangs or dies, and its successor: by Sentinels, and in a Cluster. Nothing that was accepted is lost, also where the
// successor had not heard of it.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { readConnection } from '../../src/store/redis/connection.ts';
import { createRedisStore } from '../../src/store/redis.ts';
import type { Store } from '../../src/store/store.ts';
import { cellYaml, puts } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { acceptsAll } from '../support/judged.ts';
import {
  type ClusterShard,
  createServers,
  follows,
  type Server,
  startCluster,
  startWatched,
  type Watched,
} from '../support/valkeys.ts';

const author = 'tester';
const servers = createServers();
let folder: string;
let watched: Watched;
let shards: readonly ClusterShard[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-redis-failover-'));
  [watched, shards] = await Promise.all([
    startWatched(servers, { name: 'walls', sentinelPassword: 'among us' }),
    startCluster(servers),
  ]);
}, 90_000);
afterAll(async () => {
  await servers.stop();
  rmSync(folder, { recursive: true, force: true });
});

function open(options: Readonly<Record<string, string>>, prefix: string): Promise<Store> {
  const all = Object.entries({ ...options, prefix }).map(([name, value]) => [name, new Redacted(value)]);
  return createRedisStore({
    ...readConnection(Object.fromEntries(all)),
    ...{ state: mkdtempSync(join(folder, 'state-')), sealKey: new Redacted('key'), check: acceptsAll },
    ...{ log: silentLog, clock: systemClock, pollMs: 200, commandTimeoutMs: 500, settleMs: 200 },
  });
}

/** As soon as it is taken. */
async function applied(store: Store, id: number): Promise<void> {
  await eventually(
    `apply ${id}`,
    () => store.apply(puts(cellYaml('cell-1', id)), { author }).catch(() => undefined),
    30_000,
  );
}

const isPrimary = async (server: Server): Promise<boolean> =>
  JSON.stringify(await server.ask('ROLE')).includes('"master"');

/** What the successor has of the state and of the table. */
async function has(server: Server, prefix: string, id: number): Promise<void> {
  await eventually(
    'the successor has the documents',
    async () =>
      String(await server.ask('HGET', `${prefix}:documents`, 'Cell/cell-1')).includes(`id: ${id}`) || undefined,
    20_000,
  );
  await eventually(
    'the successor has the entry that it had not heard of',
    async () => (await server.ask('EXISTS', `${prefix}:table:nodes:late`)) === 1 || undefined,
    20_000,
  );
}

it('Sentinels choose a replica that missed the last writes, because the primary hangs', async () => {
  const { primary, replica } = watched;
  const password = join(folder, 'sentinel-password');
  writeFileSync(password, 'among us');
  const sentinels = watched.sentinels.map(({ port }) => `127.0.0.1:${port}`).join();
  const prefix = `failover-${randomUUID()}`;
  const store = await open({ url: 'redis://walls', sentinels, 'sentinel-password-file': password }, prefix);
  try {
    await applied(store, 1);
    await follows(replica);
    // Its replica is cut off from what comes now, as far as a Sentinel lets it: it counts as a replica all the same.
    const { host, port } = { host: '127.0.0.1', port: primary.port };
    await replica.ask('REPLICAOF', host, 1);
    await applied(store, 2);
    await store.table('nodes').set('late', 1);
    primary.child.kill('SIGSTOP');
    await replica.ask('REPLICAOF', host, port);
    await eventually('it is the primary', async () => (await isPrimary(replica)) || undefined, 30_000);
    await has(replica, prefix, 2);
    await applied(store, 3);
    expect(store.state()?.revision).toBe(3);
    expect(store.trouble?.()).toBeUndefined();
    // The former primary wakes and believes that it still is one: nobody writes to it.
    primary.child.kill('SIGCONT');
    await eventually('it follows', async () => !(await isPrimary(primary)) || undefined, 30_000);
    await applied(store, 4);
    await has(replica, prefix, 4);
    expect(await store.table('nodes').get('late')).toBe(1);
  } finally {
    primary.child.kill('SIGCONT');
    await store.close();
  }
}, 120_000);

it('a Cluster loses the primary of our keys, whose replica missed the last writes', async () => {
  const prefix = `{failover-${randomUUID()}}`;
  const [first] = shards;
  if (first === undefined) throw new Error('no Cluster');
  const slot = Number(await first.primary.ask('CLUSTER', 'KEYSLOT', `${prefix}:epoch`));
  const ours = shards[slot <= 5460 ? 0 : slot <= 10_922 ? 1 : 2] ?? first;
  const other = shards.find((shard) => shard !== ours) ?? first;
  const nodes = `127.0.0.1:${other.replica.port}`;
  const store = await open({ url: `redis://127.0.0.1:${other.primary.port}`, 'cluster-nodes': nodes }, prefix);
  try {
    await applied(store, 1);
    await follows(ours.replica);
    // What comes now reaches the replica too late.
    ours.replica.child.kill('SIGSTOP');
    await applied(store, 2);
    await store.table('nodes').set('late', 1);
    ours.primary.child.kill('SIGKILL');
    ours.replica.child.kill('SIGCONT');
    await eventually('it is the primary', async () => (await isPrimary(ours.replica)) || undefined, 30_000);
    await has(ours.replica, prefix, 2);
    await applied(store, 3);
    expect(store.state()?.revision).toBe(3);
    expect(await store.table('nodes').get('late')).toBe(1);
    await eventually(
      'all is well',
      () => (store.trouble?.() === undefined && store.problems().length === 0) || undefined,
    );
  } finally {
    await store.close();
  }
}, 120_000);
