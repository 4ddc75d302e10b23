// What has ended goes out of the database while others are written, a few at a time: nobody waits while a large table is gone through.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { openStateDatabase } from '../../src/store/sqlite/state-database.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const name = (index: number): string => `ended-${String(index).padStart(5, '0')}`;

it.each(['set', 'claim'] as const)('by %s', async (how) => {
  const folder = temporaryFolder('purge');
  const clock = createFakeClock();
  const database = openStateDatabase(folder, clock);
  const table = database.table('rows');
  const other = database.table('others');
  const reader = new DatabaseSync(join(folder, 'cellwall.db'), { readOnly: true });
  const rows = (): number =>
    Number(reader.prepare(`SELECT count(*) AS n FROM entries WHERE key LIKE 'ended-%'`).get()?.['n']);
  await Promise.all(Array.from({ length: 2000 }, (_, index) => table.set(name(index), 1, { ttlMs: 1000 })));
  await other.set(name(0), 1, { ttlMs: 60_000 });
  clock.advance(1000);
  expect(rows()).toBe(2001);
  const write = async (from: number, count: number): Promise<void> => {
    const all = Array.from({ length: count }, (_, index) => table[how](`new-${from + index}`, 1, { ttlMs: 60_000 }));
    await Promise.all(all);
  };
  let written = 0;
  for (let left = rows(); left > 1 && written < 5000; written += 200) {
    await write(written, 200);
    // However large the table is.
    expect(left - rows()).toBeLessThanOrEqual(400);
    left = rows();
  }
  expect(rows()).toBe(1);
  // Those that are still good stay.
  expect(await table.list()).toHaveLength(written);
  reader.close();
  database.close();
  rmSync(folder, { recursive: true, force: true });
});
