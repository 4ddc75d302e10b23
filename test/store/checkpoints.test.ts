// The -wal file of the state database is moved into it off the event loop: writes go on meanwhile, nothing is lost, the file stays small;
// and if the thread cannot do it, SQLite does.
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import type { Checkpointed } from '../../src/store/sqlite/checkpoint-worker.ts';
import { createCheckpoints } from '../../src/store/sqlite/checkpoints.ts';
import { openStateDatabase } from '../../src/store/sqlite/state-database.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const mebibyte = 1024 * 1024;

it('keeps the file small while much is written, and loses nothing', { timeout: 60_000 }, async () => {
  const folder = temporaryFolder('checkpoints');
  const before = openStateDatabase(folder, systemClock);
  const table = before.table('rows');
  let largest = 0;
  for (let round = 0; round < 60; round++) {
    const rows = Array.from({ length: 100 }, (_, index) => table.set(`${index}`, `${round} ${'x'.repeat(8192)}`));
    await Promise.all(rows);
    largest = Math.max(largest, statSync(join(folder, 'cellwall.db-wal')).size);
  }
  // Of more than 48 MiB.
  expect(largest).toBeLessThan(32 * mebibyte);
  before.close();
  const after = openStateDatabase(folder, systemClock);
  const found = await after.table('rows').list();
  expect(found).toHaveLength(100);
  expect(found.every(({ value }) => String(value).startsWith('59 '))).toBe(true);
  after.close();
  rmSync(folder, { recursive: true, force: true });
});

interface World {
  readonly clock: ReturnType<typeof createFakeClock>;
  readonly checkpoints: ReturnType<typeof createCheckpoints>;
  /** Answers the checkpoint that was asked for. */
  answer(done: Checkpointed): Promise<void>;
  fail(): void;
  readonly asked: () => number;
  readonly held: () => number;
  readonly left: () => number;
  readonly open: () => number;
}

function world(): World {
  const clock = createFakeClock();
  let [asked, held, left, open] = [0, 0, 0, 0];
  let answer = (_: Checkpointed): void => {};
  let fail = (): void => {};
  const checkpoints = createCheckpoints({
    ...{ file: '/nowhere/cellwall.db', clock },
    hold() {
      held += 1;
      let done = false;
      return () => {
        if (!done) held -= 1;
        done = true;
      };
    },
    leaveToSqlite: () => void left++,
    start(_, failed) {
      open += 1;
      fail = failed;
      return {
        run: () =>
          new Promise((resolve) => {
            asked += 1;
            answer = resolve;
          }),
        close: () => void open--,
      };
    },
  });
  return {
    ...{ clock, checkpoints },
    async answer(done) {
      answer(done);
      await setImmediate();
    },
    fail: () => fail(),
    ...{ asked: () => asked, held: () => held, left: () => left, open: () => open },
  };
}

describe('checkpoints', () => {
  it('are asked for once enough was written, one at a time', async () => {
    const { checkpoints, asked, answer, held, open } = world();
    for (let row = 0; row < 499; row++) checkpoints.wrote(1);
    expect(asked()).toBe(0);
    checkpoints.wrote(1);
    expect([asked(), held()]).toEqual([1, 0]);
    checkpoints.wrote(2000);
    expect(asked()).toBe(1);
    await answer({ pages: 1500, moved: 1500 });
    expect([asked(), held(), open()]).toEqual([2, 0, 1]);
  });

  it('hold writes for a moment once the file is large, so that it begins anew; never for long', async () => {
    const { clock, checkpoints, asked, answer, held } = world();
    checkpoints.wrote(500);
    await answer({ pages: 4096, moved: 4000 });
    expect([asked(), held()]).toEqual([2, 1]);
    await answer({ pages: 4100, moved: 4100 });
    expect([asked(), held()]).toEqual([2, 0]);
    checkpoints.wrote(500);
    await answer({ pages: 5000, moved: 5000 });
    expect([asked(), held()]).toEqual([4, 1]);
    clock.advance(250);
    expect(held()).toBe(0);
    await answer({ pages: 5000, moved: 5000 });
    expect(held()).toBe(0);
  });

  it.each([
    ['the thread fails', async (one: World) => one.fail()],
    ['a checkpoint fails', (one: World) => one.answer({})],
    [
      'the last of one fails, and writes are held',
      async (one: World) => {
        await one.answer({ pages: 5000, moved: 1 });
        await one.answer({});
      },
    ],
  ])('are left to SQLite if %s', async (_, fails) => {
    const one = world();
    one.checkpoints.wrote(500);
    await fails(one);
    expect([one.left(), one.open(), one.held()]).toEqual([1, 0, 0]);
    const before = one.asked();
    one.checkpoints.wrote(5000);
    expect([one.asked(), one.left()]).toEqual([before, 1]);
  });

  it('end their thread when there is nothing to do, and when the database is closed', async () => {
    const { clock, checkpoints, answer, open, asked, left } = world();
    checkpoints.wrote(500);
    await answer({ pages: 500, moved: 500 });
    expect(open()).toBe(1);
    clock.advance(30_000);
    expect(open()).toBe(0);
    checkpoints.wrote(500);
    expect([asked(), open()]).toEqual([2, 1]);
    checkpoints.close();
    checkpoints.wrote(500);
    await answer({});
    expect([asked(), open(), left()]).toEqual([2, 0, 0]);
  });
});

it('leaves nothing to the event loop: no write of the process moves pages', async () => {
  const folder = temporaryFolder('checkpoints');
  const database = openStateDatabase(folder, systemClock);
  const file = join(folder, 'cellwall.db');
  const table = database.table('rows');
  const { size } = statSync(file);
  // Each is two pages or three: more than SQLite would leave in the file by itself.
  for (let row = 0; row < 490; row++) await table.set(`${row}`, 'x'.repeat(4000));
  expect(statSync(`${file}-wal`).size).toBeGreaterThan(1000 * 4096);
  expect(statSync(file).size).toBe(size);
  for (let row = 0; row < 20; row++) await table.set(`more ${row}`, 1);
  await vi.waitFor(() => expect(statSync(file).size).toBeGreaterThan(490 * 4096), { timeout: 10_000 });
  database.close();
  rmSync(folder, { recursive: true, force: true });
});
