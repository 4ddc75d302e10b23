import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { redisStore } from '../../src/store/kinds/redis.ts';
import { serverAt } from '../../src/store/redis/connection.ts';
import { createRedisStore } from '../../src/store/redis.ts';
import { cellYaml, puts } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { acceptsAll } from '../support/judged.ts';
import { startValkey, type Valkey } from '../support/valkey.ts';
import { storeContract } from './contract.ts';

let valkey: Valkey;
beforeAll(async () => {
  valkey = await startValkey();
});
afterAll(() => valkey.stop());

storeContract('redis', async (check) => {
  const connection = serverAt(new Redacted(valkey.url));
  const sealKey = new Redacted('key');
  const prefix = `cellwall-test-${randomUUID()}`;
  const open = () => createRedisStore({ connection, prefix, sealKey, check, log: silentLog, clock: systemClock });
  return { store: await open(), another: open, maxEntryBytes: 4 * 1024 * 1024, cleanup: async () => {} };
});

const holding = { hold: () => undefined, release() {}, watch: () => () => {} };

it('keeps everything under the prefix of its option', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-redis-'));
  const open = (prefix: string) =>
    redisStore.open({
      options: { url: new Redacted(valkey.url), prefix: new Redacted(prefix) },
      ...{ state: folder, sealKey: () => new Redacted('key'), check: acceptsAll, holding },
      ...{ log: silentLog, clock: systemClock },
    });
  const prefix = `team-${randomUUID()}`;
  const redis = new Redis(valkey.url);
  const before = new Set(await redis.keys('*'));
  const store = await open(prefix);
  await store.apply(puts(cellYaml('cell-1', 1)), { author: 'tester' });
  await store.table('nodes').set('a', 1);
  await store.close();
  const added = (await redis.keys('*')).filter((key) => !before.has(key));
  redis.disconnect();
  rmSync(folder, { recursive: true });
  expect(added.length).toBeGreaterThan(3);
  expect(added.filter((key) => !key.startsWith(`${prefix}:`))).toEqual([]);
});

it('a revision keeps its author, whichever replica notes it first, and whosever clock is ahead', async () => {
  const open = (clock: Clock) =>
    createRedisStore({
      ...{ connection: serverAt(new Redacted(valkey.url)), prefix, sealKey: new Redacted('key'), clock },
      ...{ check: acceptsAll, log: silentLog },
    });
  const prefix = `cellwall-test-${randomUUID()}`;
  const [own, ahead] = [await open(systemClock), await open({ ...systemClock, now: () => systemClock.now() + 10_000 })];
  const first = { revision: 1, at: 1, changes: [] };
  expect(await ahead.table('history').claim('000000000000001', first)).toMatchObject({ won: true });
  await own.apply(puts(cellYaml('cell-1', 1)), { author: 'tester' });
  for (const store of [own, ahead]) {
    await eventually('the author is known', async () =>
      (await store.history()).some(({ author }) => author === 'tester') ? true : undefined,
    );
  }
  for (const store of [own, ahead]) await store.close();
});
