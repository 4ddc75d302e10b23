// A Redis with documents under which the control plane died again and again: it starts on its own last good state, with or without Redis.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { serverAt } from '../../src/store/redis/connection.ts';
import { createRedisStore } from '../../src/store/redis.ts';
import type { Store } from '../../src/store/store.ts';
import { cellYaml, keyOf, puts } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { acceptsAll } from '../support/judged.ts';
import { startValkey, type Valkey } from '../support/valkey.ts';

const author = 'tester';
const prefix = `last-good-${randomUUID()}`;
let valkey: Valkey;
let folder: string;
let open: Store[] = [];

async function start(state = folder): Promise<Store> {
  const store = await createRedisStore({
    ...{ connection: serverAt(new Redacted(valkey.url)), prefix, sealKey: new Redacted('key'), state },
    ...{ check: acceptsAll, log: silentLog, clock: systemClock, commandTimeoutMs: 500 },
  });
  open.push(store);
  return store;
}
const keys = (store: Store) => store.state()?.documents.map(({ key }) => String(key));
/** What is on disk at a sudden death is what is there before the end in order. */
async function die(store: Store): Promise<void> {
  const file = join(folder, 'starts.json');
  const before = readFileSync(file, 'utf8');
  await store.close();
  writeFileSync(file, before);
}

beforeAll(async () => {
  valkey = await startValkey(['--loglevel', 'warning']);
  folder = mkdtempSync(join(tmpdir(), 'cellwall-redis-last-good-'));
});
afterEach(async () => {
  for (const store of open) await store.close();
  open = [];
});
afterAll(async () => {
  await valkey.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('keeps them out, also those of another replica and after a restart, until they are applied again', async () => {
  let store = await start();
  await store.apply(puts(cellYaml('a', 1)), { author });
  store.lastGood?.prove();
  expect(store.lastGood?.kept()).toMatchObject([{ revision: 1 }]);
  await store.apply(puts(cellYaml('bad', 66)), { author });
  for (let death = 1; death <= 3; death++) {
    expect(keys(store)).toEqual(['Cell/a', 'Cell/bad']);
    await die(store);
    store = await start();
  }
  const keptOut = async () => {
    await eventually('told', () => store.problems()[0]?.code === 'crash-loop' || undefined);
    expect(keys(store)).toEqual(['Cell/a']);
    expect(store.state()?.revision).toBe(1);
    expect(store.lastGood?.fallback()).toEqual({ kind: 'crash-loop', revision: 1 });
  };
  await keptOut();
  await store.close();
  store = await start();
  await keptOut();
  // Another replica goes on with them, which changes nothing here.
  const other = await start(mkdtempSync(join(folder, 'other-')));
  expect(keys(other)).toEqual(['Cell/a', 'Cell/bad']);
  await other.apply(puts(cellYaml('c', 3)), { author });
  await keptOut();
  // Nor is it lost.
  await eventually('refused', async () => {
    const done = store.apply(puts(cellYaml('d', 4)), { author });
    return done.then(
      () => false,
      ({ code }) => code === 'failed_precondition',
    );
  });
  await other.apply([{ op: 'delete', key: keyOf('Cell/c') }], { author });
  await other.close();
  expect(store.lastGood?.refused([], [])).toEqual(['Cell/bad']);
  // Confirmed, by whoever applies them again: what is in force here, and these.
  await eventually('seen', () =>
    store.apply(puts(cellYaml('bad', 66)), { author }).then(
      () => true,
      () => false,
    ),
  );
  expect(keys(store)).toEqual(['Cell/a', 'Cell/bad']);
  await eventually('well', () => store.problems().length === 0 || undefined);
  expect(store.state()?.revision).toBe(5);
  expect([store.lastGood?.fallback(), store.lastGood?.refused([], [])]).toEqual([undefined, []]);
}, 30_000);
