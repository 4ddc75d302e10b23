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
