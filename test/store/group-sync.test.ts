// Waiting for the disk: nobody is answered by a sync that began before he wrote.
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createGroupSync } from '../../src/store/sqlite/group-sync.ts';
import { createSqliteTable, schemaOfTables } from '../../src/store/sqlite/sqlite-table.ts';
import { createTogether } from '../../src/store/sqlite/together.ts';

function disk() {
  const syncs: { readonly path: string; readonly pass: () => void; readonly fail: (reason: Error) => void }[] = [];
  const handles: string[] = [];
  const synced = createGroupSync({
    file: '/state/cellwall.db-wal',
    openFile: async (path) => {
      handles.push(`open ${path}`);
      return {
        datasync: () => new Promise<void>((pass, fail) => void syncs.push({ path, pass, fail })),
        close: async () => void handles.push(`close ${path}`),
      };
    },
  });
  const next = async () => {
    for (;;) {
      const sync = syncs.shift();
      if (sync !== undefined) return sync;
      await setImmediate();
    }
  };
  return { syncs, synced, next, handles };
}

it('shares one sync among all that ask before it begins, and begins another for those that ask later', async () => {
  const { syncs, synced, next } = disk();
  const told: string[] = [];
  const ask = (name: string) => synced().then(() => void told.push(name));
  const first = [ask('a'), ask('b')];
  const running = await next();
  const later = [ask('c'), ask('d'), ask('e')];
  running.pass();
  const folder = await next();
  expect(folder.path).toBe('/state');
  expect(told).toEqual([]);
  folder.pass();
  await Promise.all(first);
  expect(told).toEqual(['a', 'b']);
  (await next()).pass();
  await Promise.all(later);
  expect(told).toEqual(['a', 'b', 'c', 'd', 'e']);
  // The folder knows of it for good.
  expect(syncs).toEqual([]);
});

it('tells everybody who waited for it that the disk failed, and the next ones what becomes of theirs', async () => {
  const { synced, next } = disk();
  const answers = Promise.allSettled([synced(), synced()]);
  (await next()).fail(new Error('EIO'));
  for (const answer of await answers) {
    expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
  }
  const after = synced();
  (await next()).pass();
  (await next()).pass();
  await after;
});

it('opens the file again only after nobody waited, or the disk failed', async () => {
  const { synced, next, handles } = disk();
  const [opened, closed] = ['open /state/cellwall.db-wal', 'close /state/cellwall.db-wal'];
  const first = synced();
  const running = await next();
  const second = synced();
  running.pass();
  (await next()).pass();
  await first;
  const failing = await next();
  const third = synced();
  failing.fail(new Error('EIO'));
  await expect(second).rejects.toMatchObject({ code: 'unavailable' });
  (await next()).pass();
  await third;
  const fourth = synced();
  (await next()).pass();
  await fourth;
  const folder = ['open /state', 'close /state'];
  expect(handles).toEqual([opened, ...folder, closed, opened, closed, opened, closed]);
});

it('is what a claim waits for, unless whoever claims waits for it otherwise', async () => {
  const { synced, next } = disk();
  const quick = new DatabaseSync(':memory:');
  quick.exec(schemaOfTables);
  const table = createSqliteTable({ name: 'used', quick, together: createTogether(quick), synced, clock: systemClock });
  const told: string[] = [];
  const waits = table.claim('a', 1).then(() => told.push('a'));
  const running = await next();
  const kept: Promise<unknown>[] = [];
  const onKept = (one: Promise<void>): void => void kept.push(one.then(() => told.push('b')));
  expect(await table.claim('b', 1, { onKept })).toMatchObject({ won: true });
  expect(told).toEqual([]);
  running.pass();
  (await next()).pass();
  await waits;
  expect(told).toEqual(['a']);
  (await next()).pass();
  await Promise.all(kept);
  expect(told).toEqual(['a', 'b']);
  quick.close();
});
