// What only the Redis store does: other replicas, and a Redis that is away, slow, wrong, emptied or edited by hand.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { serverAt } from '../../src/store/redis/connection.ts';
import { createRedisLink } from '../../src/store/redis/link.ts';
import { redisError } from '../../src/store/redis/redis-error.ts';
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
let open: Store[];

async function openStore(
  options: { readonly pollMs?: number; readonly url?: string; readonly state?: string } = {},
): Promise<Store> {
  const { pollMs = 60_000, url = valkey.url, state } = options;
  const store = await createRedisStore({
    connection: serverAt(new Redacted(url)),
    prefix,
    sealKey: new Redacted('key'),
    check: acceptsAll,
    log: silentLog,
    clock: systemClock,
    pollMs,
    commandTimeoutMs: 500,
    ...(state === undefined ? {} : { state }),
  });
  open.push(store);
  return store;
}

function problemsOf(store: Store, code: string): Promise<true> {
  return eventually(`problem ${code}`, () => (store.problems()[0]?.code === code ? true : undefined));
}

beforeAll(async () => {
  // A server of our own even where $REDIS_URL names one: these tests kill and flush it.
  valkey = await startValkey(['--loglevel', 'warning']);
  redis = new Redis(valkey.url, { retryStrategy: () => 50 });
  redis.on('error', () => {});
});
beforeEach(() => {
  open = [];
  prefix = `faults-${randomUUID()}`;
});
afterEach(async () => {
  for (const store of open) await store.close();
});
afterAll(async () => {
  redis.disconnect();
  await valkey.stop();
});

describe('replicas', () => {
  it('tell each other, with the urgent flag, and agree on texts and revision', async () => {
    const [one, two] = [await openStore(), await openStore()];
    const events: StoreEvent[] = [];
    two.watch((event) => events.push(event));
    await eventually('subscription', async () =>
      (await redis.pubsub('NUMSUB', `${prefix}:changes`))[1] === 2 ? true : undefined,
    );
    await one.apply(puts(cellYaml('cell-1', 1)), { author, urgent: true });
    await eventually('the event', () => (events.length > 0 ? true : undefined));
    expect(events).toMatchObject([{ kind: 'state', urgent: true, state: { revision: 1 } }]);
    await Promise.all([
      one.apply(puts(cellYaml('cell-1', 2)), { author }),
      two.apply(puts(cellYaml('cell-2', 2)), { author }),
    ]);
    await eventually('agreement', () =>
      one.state()?.revision === 3 && two.state()?.revision === 3 ? true : undefined,
    );
    expect(one.state()?.documents.map(({ text }) => text)).toEqual(two.state()?.documents.map(({ text }) => text));
    expect(await redis.hgetall(`${prefix}:meta`)).toMatchObject({ revision: '3', author });
  });

  it('heal a lost message by the poll', async () => {
    const [one, two] = [await openStore(), await openStore({ pollMs: 50 })];
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await one.apply(puts(cellYaml('cell-1', 1)), { author });
    await eventually('revision 1', () => (two.state()?.revision === 1 ? true : undefined));
  });
});

describe('a Redis that is away', () => {
  it('at the start gives no state, and one as soon as it is there', async () => {
    await redis.call('CLIENT', 'PAUSE', '1200', 'ALL');
    const store = await openStore();
    expect(store.state()).toBeUndefined();
    await expect(store.apply(puts(cellYaml('cell-1', 1)), { author })).rejects.toMatchObject({ code: 'unavailable' });
    await eventually('the state', () => store.state());
  });

  it('leaves the last good state; applies and tables say why they fail; all is well again after', async () => {
    const store = await openStore({ pollMs: 50 });
    await store.apply(puts(cellYaml('cell-1', 1)), { author });
    const before = store.state();
    valkey.child?.kill('SIGSTOP');
    const start = performance.now();
    await expect(store.apply(puts(cellYaml('cell-1', 2)), { author })).rejects.toMatchObject({ code: 'unavailable' });
    await expect(store.table('a').get('b')).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - start).toBeLessThan(4000);
    expect(store.state()).toBe(before);
    valkey.child?.kill('SIGCONT');
    // The command that timed out may have been executed: applying again is safe either way.
    await eventually('an apply', () => store.apply(puts(cellYaml('cell-1', 2)), { author }).catch(() => undefined));
    expect(store.state()).toMatchObject({ revision: 2, documents: [{ document: { spec: { id: 2 } } }] });
  });

  it('at a restart leaves the last good state that is kept on disk; changes are refused', async () => {
    const state = mkdtempSync(join(tmpdir(), 'cellwall-redis-'));
    const store = await openStore({ state });
    await store.apply(puts(cellYaml('cell-1', 1)), { author });
    await store.close();
    await redis.call('CLIENT', 'PAUSE', '1200', 'ALL');
    const again = await openStore({ state });
    expect(again.state()).toMatchObject({ revision: 1, documents: [{ text: cellYaml('cell-1', 1) }] });
    await expect(again.apply(puts(cellYaml('cell-1', 2)), { author })).rejects.toMatchObject({ code: 'unavailable' });
    await eventually('an apply', () => again.apply(puts(cellYaml('cell-1', 2)), { author }).catch(() => undefined));
    await again.close();
    await redis.flushall();
    const third = await openStore({ state });
    expect(third.problems()).toMatchObject([{ code: 'store-emptied' }]);
    expect(third.state()).toMatchObject({ revision: 2 });
    rmSync(state, { recursive: true });
  });

  it('and comes back empty has lost the documents: the last good stay, and the next apply writes them anew', async () => {
    const store = await openStore({ pollMs: 50 });
    await store.apply(puts(`${cellYaml('cell-1', 1)}---\n${cellYaml('cell-2', 2)}`), { author });
    await valkey.restart();
    await problemsOf(store, 'store-emptied');
    expect(store.state()).toMatchObject({ revision: 1, documents: [{}, {}] });
    expect(await store.apply(puts(cellYaml('cell-1', 11)), { author })).toMatchObject({ kind: 'applied', revision: 2 });
    expect(store.problems()).toEqual([]);
    const other = await openStore();
    expect(other.state()?.revision).toBe(2);
    expect(other.state()?.documents.map(({ text }) => text)).toEqual([cellYaml('cell-1', 11), cellYaml('cell-2', 2)]);
  });
});

describe('a Redis with something else in it', () => {
  it('after a failover to an older replica keeps the higher revision', async () => {
    const store = await openStore({ pollMs: 50 });
    await store.apply(puts(cellYaml('cell-1', 1)), { author });
    const keys = await redis.keys(`${prefix}:*`);
    const old = await Promise.all(keys.map(async (key) => [key, await redis.dumpBuffer(key)] as const));
    await store.apply(puts(cellYaml('cell-1', 2)), { author });
    const all = redis.multi();
    for (const [key, dump] of old) all.restore(key, 0, dump ?? '', 'REPLACE');
    await all.exec();
    await problemsOf(store, 'store-went-back');
    expect(store.state()?.revision).toBe(2);
    expect(await store.apply([], { author })).toMatchObject({ kind: 'applied', revision: 3 });
  });

  it('edited by hand keeps the last good state of what is not valid, and takes the rest', async () => {
    const store = await openStore({ pollMs: 20 });
    await store.apply(puts(cellYaml('cell-1', 1)), { author });
    await redis.hset(`${prefix}:documents`, 'Cell/cell-1', `${cellYaml('cell-1', 1)}bogus: 1\n`);
    await problemsOf(store, 'unknown-field');
    expect(store.problems()[0]).toMatchObject({ source: { file: 'Cell/cell-1', line: 5 } });
    expect(store.state()).toMatchObject({ revision: 1 });
    await redis.hset(`${prefix}:documents`, 'Cell/other', cellYaml('other', 9));
    await eventually('in force', () => (store.state()?.documents.length === 2 ? true : undefined));
    await redis.hset(`${prefix}:documents`, 'Cell/cell-1', cellYaml('cell-1', 1));
    await eventually('no problems', () => (store.problems().length === 0 ? true : undefined));
  });

  it('of another deployment is not written over', async () => {
    const store = await openStore({ pollMs: 50 });
    await store.apply(puts(cellYaml('cell-1', 1)), { author });
    await redis.set(`${prefix}:epoch`, 'another');
    await problemsOf(store, 'store-replaced');
    await expect(store.apply(puts(cellYaml('cell-1', 2)), { author })).rejects.toMatchObject({
      code: 'failed_precondition',
    });
    expect(await redis.hget(`${prefix}:documents`, 'Cell/cell-1')).toBe(cellYaml('cell-1', 1));
  });

  it('under a key of ours refuses, and changes nothing', async () => {
    const store = await openStore();
    await redis.set(`${prefix}:documents`, 'text');
    await expect(store.apply(puts(cellYaml('cell-1', 1)), { author })).rejects.toMatchObject({
      code: 'unavailable',
      message: /another type/,
    });
    expect(await redis.exists(`${prefix}:meta`)).toBe(0);
  });
});

describe('errors', () => {
  const gone = createRedisLink({
    connection: serverAt(new Redacted('redis://127.0.0.1:1')),
    log: silentLog,
    channel: 'c',
    onNews: () => undefined,
    onConnected: () => undefined,
    commandTimeoutMs: 500,
  });
  afterAll(() => gone.close());

  it.each([
    ['READONLY You can’t write against a read only replica.', /read-only replica/],
    ['LOADING Redis is loading the dataset in memory', /loading/],
    ['OOM command not allowed', /out of memory/],
    ['NOAUTH Authentication required.', /credentials/],
    ['WRONGPASS invalid username-password pair', /credentials/],
    ['WRONGTYPE Operation against a key', /another type/],
    ['Command timed out', /in time/],
    ['connect ECONNREFUSED 127.0.0.1:1', /ECONNREFUSED/],
  ])('%s is unavailable, with what it means', (message, meaning) => {
    expect(redisError(new Error(message))).toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(meaning),
    });
  });

  it('say why it is away, once and with the hint for that', async () => {
    await expect.poll(() => gone.trouble()).toMatch(/ECONNREFUSED/);
    const away: unknown = await gone.command('GET', 'x').catch((reason: unknown) => reason);
    expect(away).toMatchObject({ code: 'unavailable', hint: expect.any(String) });
    expect(String(away).match(/Redis is not available/g)).toHaveLength(1);
  });

  it('never show the password', async () => {
    const guarded = await startValkey(['--requirepass', 'right']);
    const { port } = new URL(guarded.url);
    const store = await openStore({ url: `redis://:s3cret-wrong@127.0.0.1:${port}` });
    const error: unknown = await store
      .apply(puts(cellYaml('cell-1', 1)), { author })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'unavailable', message: expect.stringContaining('credentials') });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('s3cret');
    await guarded.stop();
  });
});
