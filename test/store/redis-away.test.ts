// A Redis that is away or takes no writes: the store goes on from what it knows, says so, and catches up by itself.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { checkSameAuthority } from '../../src/serve/same-authority.ts';
import { serverAt } from '../../src/store/redis/connection.ts';
import { createRedisStore } from '../../src/store/redis.ts';
import type { Store, StoreEvent } from '../../src/store/store.ts';
import { cellYaml, puts } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { acceptsAll } from '../support/judged.ts';
import { startValkey, type Valkey } from '../support/valkey.ts';

const author = 'tester';
let valkey: Valkey;
let redis: Redis;
let prefix: string;
let state: string;
let open: Store[];

async function openStore(options: { readonly settleMs?: number } = {}): Promise<Store> {
  const store = await createRedisStore({
    connection: serverAt(new Redacted(valkey.url)),
    sealKey: new Redacted('key'),
    ...{ prefix, check: acceptsAll, log: silentLog, clock: systemClock, pollMs: 50, commandTimeoutMs: 500, state },
    settleMs: 50,
    ...options,
  });
  open.push(store);
  return store;
}

beforeAll(async () => {
  valkey = await startValkey(['--loglevel', 'warning']);
  redis = new Redis(valkey.url, { retryStrategy: () => 50 });
  redis.on('error', () => {});
});
beforeEach(() => {
  open = [];
  prefix = `away-${randomUUID()}`;
  state = mkdtempSync(join(tmpdir(), 'cellwall-redis-'));
});
afterEach(async () => {
  valkey.child?.kill('SIGCONT');
  for (const store of open) await store.close();
  rmSync(state, { recursive: true });
});
afterAll(async () => {
  redis.disconnect();
  await valkey.stop();
});

const at = (table: string, key: string): string => `${prefix}:table:${table}:${key}`;
const away = (store: Store): Promise<true> =>
  eventually('it is away', () => (store.trouble?.()?.kind === 'away' ? true : undefined));
const well = (store: Store): Promise<true> =>
  eventually('it is well', () => (store.trouble?.() === undefined ? true : undefined));

describe('while Redis hangs', () => {
  it('what is known is answered at once, what is written waits for it, and changes are refused with the reason', async () => {
    const store = await openStore();
    await store.apply(puts(cellYaml('cell-1', 1)), { author });
    const leases = store.table('leases');
    await leases.set('before', 1);
    valkey.child?.kill('SIGSTOP');
    await away(store);
    expect(store.trouble?.()).toMatchObject({ reason: expect.stringContaining('in time'), since: expect.any(Number) });
    const start = performance.now();
    await leases.set('meanwhile', 2);
    await leases.delete('before');
    expect(await leases.get('meanwhile')).toBe(2);
    expect(await leases.list()).toEqual([{ key: 'meanwhile', value: 2 }]);
    await expect(leases.get('unknown')).rejects.toMatchObject({ code: 'unavailable' });
    await expect(leases.claim('other', 3)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(store.apply(puts(cellYaml('cell-1', 2)), { author })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('documents cannot be changed now: Redis does not answer in time'),
    });
    expect(performance.now() - start).toBeLessThan(400);
    expect(store.problems()).toEqual([]);
    expect(store.state()?.revision).toBe(1);
    valkey.child?.kill('SIGCONT');
    await well(store);
    await eventually('it is written', async () =>
      (await redis.exists(at('leases', 'meanwhile'))) === 1 ? true : undefined,
    );
    expect(await leases.list()).toEqual([{ key: 'meanwhile', value: 2 }]);
    expect(await store.apply(puts(cellYaml('cell-1', 2)), { author })).toMatchObject({ kind: 'applied', revision: 2 });
  });

  it('what counts on every control plane is refused, and nobody is let in by what may have been revoked', async () => {
    const store = await openStore();
    await store.apply(puts(cellYaml('cell-1', 1)), { author });
    await store.table('admin-tokens').set('ann', 1);
    valkey.child?.kill('SIGSTOP');
    await away(store);
    for (const name of ['join-tokens', 'evicted-nodes', 'admin-tokens']) {
      await expect(store.table(name).set('a', 1), name).rejects.toMatchObject({ code: 'unavailable' });
    }
    await expect(store.table('admin-tokens').list()).rejects.toMatchObject({ code: 'unavailable' });
    // Decided here all the same, and there when it is back.
    expect(await store.table('evicted-nodes').list()).toEqual([{ key: 'a', value: 1 }]);
    valkey.child?.kill('SIGCONT');
    await eventually('it is written', async () =>
      (await redis.exists(at('evicted-nodes', 'a'))) === 1 ? true : undefined,
    );
  });

  it('a start has the last good state, the tables and the mark of the CA', async () => {
    const first = await openStore();
    await first.apply(puts(cellYaml('cell-1', 1)), { author });
    await first.table('nodes').set('key', 'node');
    await first.table('authority').claim('root', 'fingerprint');
    await first.close();
    valkey.child?.kill('SIGSTOP');
    const store = await openStore();
    expect(store.trouble?.()?.kind).toBe('away');
    expect(store.state()).toMatchObject({ revision: 1, documents: [{ key: 'Cell/cell-1' }] });
    expect(await store.table('nodes').list()).toEqual([{ key: 'key', value: 'node' }]);
    expect(await store.table('authority').claim('root', 'other')).toEqual({ won: false, value: 'fingerprint' });
    expect(await store.table('authority').get('root')).toBe('fingerprint');
    const found: unknown[] = [];
    for await (const entry of store.table('nodes').entries()) found.push(entry);
    expect(found).toEqual([{ key: 'key', value: 'node' }]);
  });
});

it('the mark of the CA says which root it has since the last rotation, also while Redis is away', async () => {
  const store = await openStore();
  const marks = store.table('authority');
  await marks.claim('root', 'old');
  await checkSameAuthority({ table: marks, folder: 'ca', fingerprints: ['new', 'old'] });
  expect(await redis.get(at('authority', 'root'))).toBe('"new"');
  expect(await marks.compareAndSet('root', 'old', 'newer')).toBe(false);
  await expect(checkSameAuthority({ table: marks, folder: 'ca', fingerprints: ['other'] })).rejects.toMatchObject({
    code: 'failed_precondition',
  });
  valkey.child?.kill('SIGSTOP');
  await away(store);
  expect(await marks.get('root')).toBe('new');
  // It goes on; the next start says it.
  await checkSameAuthority({ table: marks, folder: 'ca', fingerprints: ['newest', 'new'] });
  valkey.child?.kill('SIGCONT');
});

it('a connection that is lost for a moment is no trouble, and tells nobody anything', async () => {
  const store = await openStore();
  await store.apply(puts(cellYaml('cell-1', 1)), { author });
  const events: StoreEvent[] = [];
  store.watch((event) => events.push(event));
  const troubles = new Set<string>();
  for (let round = 0; round < 5; round += 1) {
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually('it is back', async () => {
      troubles.add(String(store.trouble?.()?.kind));
      return (
        await store
          .table('leases')
          .claim(`round-${round}`, 1)
          .catch(() => undefined)
      )?.won;
    });
  }
  expect([...troubles]).toEqual(['undefined']);
  expect(events).toEqual([]);
});

it('a Redis that takes no writes is read-only, not away: what waits is written when it takes them', async () => {
  const store = await openStore();
  await store.apply(puts(cellYaml('cell-1', 1)), { author });
  await redis.config('SET', 'min-replicas-to-write', '1');
  await store.table('leases').set('a', 1);
  await eventually('it says so', () => (store.trouble?.()?.kind === 'read-only' ? true : undefined));
  expect(store.trouble?.()?.reason).toContain('too few replicas');
  await expect(store.apply(puts(cellYaml('cell-1', 2)), { author })).rejects.toMatchObject({ code: 'unavailable' });
  await redis.config('SET', 'min-replicas-to-write', '0');
  await well(store);
  expect(await redis.exists(at('leases', 'a'))).toBe(1);
});

describe('what Redis lost', () => {
  const restored = (events: readonly StoreEvent[]) =>
    events.flatMap((event) => (event.kind === 'restored' ? [event] : []));

  it.each([
    ['all of it', () => redis.flushall()],
    ['a restart without its data', () => valkey.restart()],
    ['the documents', () => redis.del(`${prefix}:documents`)],
    ['the epoch', () => redis.del(`${prefix}:epoch`)],
    ['the revision', () => redis.del(`${prefix}:meta`)],
  ])('is written again as it was: %s', async (what, lose) => {
    const store = await openStore();
    await store.apply(puts(cellYaml('cell-1', 1)), { author });
    await store.apply(puts(cellYaml('cell-1', 2)), { author });
    const nodes = store.table('nodes');
    await nodes.set('kept', 'node');
    await nodes.set('deleted', 'node');
    await nodes.delete('deleted');
    await store.table('authority').claim('root', 'fingerprint');
    await eventually('the history is there', async () =>
      (await store.table('history').list()).length === 2 ? true : undefined,
    );
    const before = store.state();
    const events: StoreEvent[] = [];
    store.watch((event) => events.push(event));
    await lose();
    await eventually('the documents are there', () =>
      restored(events).some(({ documents }) => documents) ? true : undefined,
    );
    await eventually('no problems', () => (store.problems().length === 0 ? true : undefined));
    expect(store.state()).toBe(before);
    expect(events.filter(({ kind }) => kind === 'state')).toEqual([]);
    expect(await redis.hget(`${prefix}:meta`, 'revision')).toBe('2');
    expect(await redis.hget(`${prefix}:documents`, 'Cell/cell-1')).toBe(cellYaml('cell-1', 2));
    if (what === 'all of it' || what.includes('restart')) {
      const tables = (): readonly string[] => restored(events).flatMap((event) => event.tables);
      await eventually('the tables are there', () => (new Set(tables()).size === 3 ? true : undefined));
      expect([...new Set(tables())].sort()).toEqual(['authority', 'history', 'nodes']);
      expect(await redis.exists(at('nodes', 'kept'))).toBe(1);
      expect(await redis.get(at('authority', 'root'))).toBe('"fingerprint"');
    }
    // For others with the key and without this disk it is as before; what was deleted stays so.
    const other = await createRedisStore({
      ...{ connection: serverAt(new Redacted(valkey.url)), sealKey: new Redacted('key'), prefix },
      ...{ check: acceptsAll, log: silentLog, clock: systemClock },
    });
    open.push(other);
    expect(other.state()).toMatchObject({ revision: 2, documents: [{ text: cellYaml('cell-1', 2) }] });
    expect(await other.table('nodes').list()).toEqual([{ key: 'kept', value: 'node' }]);
    expect(await other.history()).toHaveLength(2);
  });

  it('by a failover to an older copy, is the later one', async () => {
    const store = await openStore();
    await store.apply(puts(cellYaml('cell-1', 1)), { author });
    await store.table('nodes').set('a', 'old');
    const keys = await redis.keys(`${prefix}:*`);
    const old = await Promise.all(keys.map(async (key) => [key, await redis.dumpBuffer(key)] as const));
    await store.apply(puts(cellYaml('cell-1', 2)), { author });
    await store.table('nodes').set('a', 'new');
    for (const [key, dump] of old) await redis.restore(key, 0, dump, 'REPLACE');
    await eventually('the later one', async () =>
      (await redis.hget(`${prefix}:meta`, 'revision')) === '2' ? true : undefined,
    );
    await eventually('the later entry', async () =>
      ((await redis.get(at('nodes', 'a'))) ?? '').includes('"new"') ? true : undefined,
    );
  });

  it('is left alone for a moment, as somebody may be restoring it; an apply does not wait', async () => {
    const store = await openStore({ settleMs: 60_000 });
    await store.apply(puts(cellYaml('cell-1', 1)), { author });
    await redis.flushall();
    await eventually('it is told', () => (store.problems()[0]?.code === 'store-emptied' ? true : undefined));
    expect(await redis.exists(`${prefix}:documents`)).toBe(0);
    expect(await store.apply([], { author })).toMatchObject({ kind: 'applied', revision: 2 });
    expect(await redis.exists(`${prefix}:documents`)).toBe(1);
  });

  it('is not put into the Redis of another deployment', async () => {
    const first = await openStore();
    await first.apply(puts(cellYaml('cell-1', 1)), { author });
    await first.table('nodes').set('a', 1);
    await first.close();
    await redis.multi().flushall().set(`${prefix}:epoch`, 'another').exec();
    const store = await openStore();
    expect(store.problems()).toMatchObject([{ code: 'store-replaced' }]);
    expect(await store.table('nodes').list()).toEqual([{ key: 'a', value: 1 }]);
    const looks = Number(
      /calls=(\d+)/.exec(
        await redis.info('commandstats').then((text) => /cmdstat_evalsha:.*/.exec(text)?.[0] ?? ''),
      )?.[1],
    );
    await eventually('it has looked some times', async () => {
      const text = /cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1];
      return Number(text) > looks + 10 ? true : undefined;
    });
    expect(await redis.keys(`${prefix}:*`)).toEqual([`${prefix}:epoch`]);
  });

  it('by an eviction, is written again, and Redis is told of', async () => {
    const small = await startValkey(['--loglevel', 'warning', '--maxmemory-policy', 'allkeys-random']);
    const other = new Redis(small.url);
    const warned: string[] = [];
    const log = { ...silentLog, warn: (_fields: object, message: string) => void warned.push(message) };
    const store = await createRedisStore({
      ...{
        connection: serverAt(new Redacted(small.url)),
        sealKey: new Redacted('key'),
        prefix,
        check: acceptsAll,
        log,
        clock: systemClock,
      },
      ...{ pollMs: 20, settleMs: 20, state },
    });
    open.push(store);
    await store.apply(puts(cellYaml('cell-1', 1)), { author });
    const nodes = store.table('nodes');
    for (let index = 0; index < 50; index += 1) await nodes.set(`node-${index}`, index);
    const keys = async (): Promise<number> => (await other.keys(at('nodes', '*'))).length;
    expect(await keys()).toBe(50);
    // Another's data pushes ours out.
    await eventually(
      'a look at the counter',
      () => new Promise<true>((resolve) => setTimeout(() => resolve(true), 400)),
    );
    await other.config(
      'SET',
      'maxmemory',
      String(Number(/used_memory:(\d+)/.exec(await other.info('memory'))?.[1]) - 1),
    );
    await eventually('evicted', async () => ((await keys()) < 50 ? true : undefined));
    await other.config('SET', 'maxmemory', '0');
    await eventually('all are back', async () => ((await keys()) === 50 ? true : undefined), 20_000);
    expect(await nodes.list()).toHaveLength(50);
    await eventually('it is told', () => warned.find((message) => message.includes('noeviction')));
    other.disconnect();
    await store.close();
    await small.stop();
  }, 30_000);
});
