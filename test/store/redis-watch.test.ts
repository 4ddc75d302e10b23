// What watchers of tables in Redis are told when messages, connections and entries get lost.
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { Json, Table } from '../../src/lib/table.ts';
import { serverAt } from '../../src/store/redis/connection.ts';
import { createRedisStore } from '../../src/store/redis.ts';
import type { Store } from '../../src/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { acceptsAll } from '../support/judged.ts';
import { startValkey, type Valkey } from '../support/valkey.ts';

let valkey: Valkey;
let redis: Redis;
beforeAll(async () => {
  valkey = await startValkey();
  redis = new Redis(valkey.url);
  redis.on('error', () => {});
});
afterAll(async () => {
  redis.disconnect();
  await valkey.stop();
});

async function withReplicas(task: (a: Store, b: Store, prefix: string) => Promise<void>, pollMs = 200): Promise<void> {
  const prefix = `cellwall-watch-${randomUUID()}`;
  const open = () =>
    createRedisStore({
      ...{
        connection: serverAt(new Redacted(valkey.url)),
        prefix,
        sealKey: new Redacted('key'),
        check: acceptsAll,
        pollMs,
      },
      ...{ log: silentLog, clock: systemClock, settleMs: 300 },
    });
  const [a, b] = [await open(), await open()];
  await task(a, b, prefix);
  await a.close();
  await b.close();
}

function follow(table: Table): Map<string, Json | undefined> {
  const told = new Map<string, Json | undefined>();
  table.watch(({ key, value }) => void told.set(key, value));
  return told;
}

it('what was written while messages get lost is told by the poll, and costs one small read when there is nothing', async () => {
  await withReplicas(async (a, b, prefix) => {
    const told = follow(b.table('t'));
    await a.table('t').set('first', 1);
    await eventually('it is told', () => told.get('first') === 1 || undefined);
    for (let n = 0; n < 20; n += 1) {
      await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await a.table('t').set(`lost-${n}`, n);
    }
    await eventually(
      'all are told',
      () => Array.from({ length: 20 }, (_, n) => told.get(`lost-${n}`) === n).every(Boolean) || undefined,
    );
    const keysBefore = await redis.dbsize();
    for (let n = 0; n < 500; n += 1) await a.table('many').set(`${n}`, n);
    expect(await redis.dbsize()).toBeGreaterThanOrEqual(keysBefore + 500);
    const sent = async (): Promise<number> =>
      Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))?.[1] ?? 0);
    const before = await sent();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    // Ten polls of two replicas; what INFO itself answers is about 8 kB. 500 entries would be more than 50 kB each time.
    expect((await sent()) - before).toBeLessThan(20_000);
    expect(await redis.exists(`${prefix}:table-count`)).toBe(1);
  });
});

it('more changes at once than the log of changes holds are all told', async () => {
  await withReplicas(async (a, b, prefix) => {
    const table = b.table('t');
    const told = follow(table);
    await a.table('t').set('first', 1);
    await eventually('it is told', () => told.get('first') === 1 || undefined);
    await a.table('t').set('other', 1);
    await redis.xtrim(`${prefix}:table-log`, 'MAXLEN', 0);
    await a.table('t').delete('first');
    await eventually('it is told', () => (told.get('other') === 1 && told.get('first') === undefined) || undefined);
  });
});

it('a Redis that lost everything, or is another one, is looked through anew', async () => {
  await withReplicas(async (a, b) => {
    const told = follow(b.table('t'));
    for (let n = 0; n < 5; n += 1) await a.table('t').set(`${n}`, n);
    await eventually('they are told', () => told.size === 5 || undefined);
    await redis.flushall();
    for (let n = 5; n < 15; n += 1) await a.table('t').set(`${n}`, n);
    await eventually('those after it are told', () => told.get('14') === 14 || undefined);
    await valkey.restart();
    await eventually('it is written again', async () => {
      await a.table('t').set('last', 1);
      return told.get('last') === 1 || undefined;
    });
  });
});

it('a hundred redeemers of one token over two replicas have one winner, whoever is paused', async () => {
  await withReplicas(async (a, b) => {
    const tables = [a.table('join-tokens'), b.table('join-tokens')];
    const won = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => (await tables[n % 2]?.claim('use', `key-${n}`))?.won),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    const holder = await a.table('jobs').acquire('sweep', 50);
    if (holder === undefined) throw new Error('nobody held it');
    const next = await eventually('the pause is longer than the lease', () => b.table('jobs').acquire('sweep', 60_000));
    await b.table('jobs').set('mark', 'b', { fence: next });
    await expect(a.table('jobs').set('mark', 'a', { fence: holder })).rejects.toMatchObject({ code: 'aborted' });
    expect(await a.table('jobs').get('mark')).toBe('b');
  });
});

it.each([
  ['the count is a text', (prefix: string) => redis.set(`${prefix}:table-count`, 'x')],
  ['the count is no number', (prefix: string) => redis.hset(`${prefix}:table-count`, 'count', 'many')],
  ['the count cannot be more', (prefix: string) => redis.hset(`${prefix}:table-count`, 'count', '9223372036854775807')],
  [
    'the count is beyond exact numbers',
    (prefix: string) => redis.hset(`${prefix}:table-count`, 'count', `${2n ** 60n}`),
  ],
  ['the epoch is huge', (prefix: string) => redis.hset(`${prefix}:table-count`, 'epoch', 'e'.repeat(5_000_000))],
  ['the log is a text', (prefix: string) => redis.set(`${prefix}:table-log`, 'x')],
  [
    'the log has its last id',
    (prefix: string) => redis.xadd(`${prefix}:table-log`, `${2n ** 64n - 1n}-${2n ** 64n - 1n}`, 'n', '1'),
  ],
])('whatever somebody leaves there, tables are written, and watchers told: %s', async (_, leave) => {
  await withReplicas(async (a, b, prefix) => {
    const told = follow(b.table('evicted-nodes'));
    await a.table('evicted-nodes').set('first', 1);
    await eventually('it is told', () => told.get('first') === 1 || undefined);
    await redis.del(`${prefix}:table-log`);
    await leave(prefix);
    for (const name of ['second', 'third']) {
      await a.table('evicted-nodes').set(name, 1);
      await eventually(`${name} is told`, () => told.get(name) === 1 || undefined);
    }
    expect(await redis.hstrlen(`${prefix}:table-count`, 'epoch')).toBeLessThan(100);
  });
});

it('changes that somebody notes himself, with names of any size, are not read', async () => {
  await withReplicas(async (a, b, prefix) => {
    const told = follow(b.table('t'));
    await a.table('t').set('first', 1);
    await eventually('it is told', () => told.get('first') === 1 || undefined);
    const sent = async (): Promise<number> =>
      Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))?.[1] ?? 0);
    const before = await sent();
    const count = await redis.hincrby(`${prefix}:table-count`, 'count', 1);
    await redis.xadd(`${prefix}:table-log`, '*', 'n', String(count), 'k', `t ${'k'.repeat(10_000_000)}`);
    await a.table('t').set('second', 1);
    await eventually('it is told', () => told.get('second') === 1 || undefined);
    expect((await sent()) - before).toBeLessThan(5_000_000);
  });
});

it.each([
  ['a lease without an end', (key: string) => redis.set(key, '1 x')],
  ['one that is of another type', (key: string) => redis.hset(key, 'x', 'y')],
  ['one that ends in a hundred years', (key: string) => redis.set(key, '1 x', 'EX', 3_000_000_000)],
])('%s, which none of ours holds, ends as any does', async (_, leave) => {
  await withReplicas(async (a, __, prefix) => {
    const jobs = a.table('jobs');
    await leave(`${prefix}:lease:jobs:publishers`);
    await redis.set(`${prefix}:leases:jobs`, 'no number');
    expect(await jobs.acquire('publishers', 300)).toBeUndefined();
    const fence = await eventually('it is ours', () => jobs.acquire('publishers', 300));
    expect(await jobs.renew(fence, 60_000)).toBe(true);
    // Nobody's attempt makes that of a holder shorter than it would have been at most.
    expect(await jobs.acquire('publishers', 60_000)).toBeUndefined();
    expect(await redis.pttl(`${prefix}:lease:jobs:publishers`)).toBeGreaterThan(50_000);
  });
});
