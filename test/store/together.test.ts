// Many writes in one transaction: each has its own outcome, in the order of the calls, and nothing stays open between turns.
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { openStateDatabase, type StateDatabase } from '../../src/store/sqlite/state-database.ts';
import { createTogether } from '../../src/store/sqlite/together.ts';

let database: DatabaseSync;
beforeEach(() => {
  database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE numbers (number INTEGER PRIMARY KEY) STRICT');
});
afterEach(() => database.close());

const insert = (number: number) => () => void database.prepare('INSERT INTO numbers VALUES (?)').run(number);
const numbers = (): readonly unknown[] =>
  database
    .prepare('SELECT number FROM numbers ORDER BY number')
    .all()
    .map((row) => row['number']);

it('does nothing within the call, and all of a turn in its order', async () => {
  const together = createTogether(database);
  const all = [together.write(insert(1)), together.read(numbers), together.write(insert(2)), together.read(numbers)];
  expect(numbers()).toEqual([]);
  expect(await Promise.all(all)).toEqual([undefined, [1], undefined, [1, 2]]);
});

it('rejects what fails, and does the rest', async () => {
  const together = createTogether(database);
  const all = [1, 2, 1, 3].map((number) => together.write(insert(number)));
  const outcomes = (await Promise.allSettled(all)).map(({ status }) => status);
  expect(outcomes).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(numbers()).toEqual([1, 2, 3]);
  expect(database.isTransaction).toBe(false);
});

it('rejects everything once the database is closed', async () => {
  const together = createTogether(database);
  const all = [together.write(insert(1)), together.write(insert(2))];
  database.close();
  expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  database = new DatabaseSync(':memory:');
});

it('takes a hundred writes of one turn in one transaction', async () => {
  const executed: string[] = [];
  const heard = new Proxy(database, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: readonly unknown[]) => {
        if (name === 'exec') executed.push(String(args[0]));
        return Reflect.apply(value, target, args);
      };
    },
  });
  const together = createTogether(heard);
  await Promise.all(Array.from({ length: 100 }, (_, at) => together.write(insert(at))));
  expect(executed).toEqual(['BEGIN IMMEDIATE', 'COMMIT']);
  expect(numbers()).toHaveLength(100);
});

it('keeps what was written right before the end, and does not hold up the documents', async () => {
  const folder = temporaryFolder('together');
  const before: StateDatabase = openStateDatabase(folder, systemClock);
  const table = before.table('leases');
  await Promise.all([table.set('a', 1), table.set('b', 1)]);
  const written = [table.set('a', 2), table.delete('b'), table.set('c', 3)];
  // In the same turn, over the other connection.
  before.save({ revision: 1, files: new Map([['a.yaml', 'text']]) }, []);
  before.close();
  await Promise.all(written);
  const after = openStateDatabase(folder, systemClock);
  expect(after.saved()?.revision).toBe(1);
  expect(await after.table('leases').list()).toEqual([
    { key: 'a', value: 2 },
    { key: 'c', value: 3 },
  ]);
  after.close();
  await setImmediate();
});

it('does the rest where one task refuses, at no second attempt', async () => {
  const together = createTogether(database);
  let attempts = 0;
  const refuse = (): never => {
    throw new CellwallError('aborted', 'refused');
  };
  const told: number[] = [];
  const all = [
    together.write(insert(1), () => void told.push(1)),
    together.write(refuse, () => void told.push(2)),
    together.write(
      () => void attempts++,
      () => void told.push(3),
    ),
  ];
  expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect([numbers(), attempts, told]).toEqual([[1], 1, [1, 3]]);
});
