import { expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { createSingleton } from '../../src/lib/singleton.ts';
import type { Table } from '../../src/lib/table.ts';
import { createMemoryTable } from '../../src/store/memory-table.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

function start(table: Table, clock: FakeClock, name: string, log: string[]) {
  return createSingleton({
    ...{ table, lease: 'job', clock, log: silentLog, ttlMs: 3000 },
    begin: () => {
      log.push(`${name} begins`);
      return () => log.push(`${name} ends`);
    },
  });
}

it('is done by one, and by the next when that one stops', async () => {
  const clock = createFakeClock();
  const table = createMemoryTable(clock);
  const log: string[] = [];
  const a = start(table, clock, 'a', log);
  await turns();
  const b = start(table, clock, 'b', log);
  for (let second = 0; second < 10; second += 1) {
    clock.advance(1000);
    await turns();
  }
  expect(log).toEqual(['a begins']);
  expect([a.fence() !== undefined, b.fence()]).toEqual([true, undefined]);
  await a.stop();
  clock.advance(1000);
  await turns();
  expect(log).toEqual(['a begins', 'a ends', 'b begins']);
  await b.stop();
  expect(log.at(-1)).toBe('b ends');
});

it('is not done by one that was paused: it ends when it wakes, and what it writes under its lease is refused', async () => {
  const [clock, paused] = [createFakeClock(), createFakeClock()];
  const table = createMemoryTable(clock);
  const log: string[] = [];
  const a = start(table, paused, 'a', log);
  await turns();
  const fence = a.fence();
  if (fence === undefined) throw new Error('a has it');
  clock.advance(3001);
  const b = start(table, clock, 'b', log);
  await turns();
  expect(log).toEqual(['a begins', 'b begins']);
  await expect(table.set('mark', 'a', { fence })).rejects.toMatchObject({ code: 'aborted' });
  paused.advance(60_000);
  await turns();
  expect(log).toEqual(['a begins', 'b begins', 'a ends']);
  await turns();
  expect([a.fence(), b.fence() !== undefined]).toEqual([undefined, true]);
  await a.stop();
  await b.stop();
});

it('ends where the store cannot be asked any more, when its lease must have ended', async () => {
  const clock = createFakeClock();
  const table = createMemoryTable(clock);
  const log: string[] = [];
  const away = { ...table, renew: () => Promise.reject(new Error('away')) };
  const a = start(away, clock, 'a', log);
  for (let second = 0; second < 2; second += 1) {
    await turns();
    clock.advance(1000);
  }
  await turns();
  expect(log).toEqual(['a begins']);
  clock.advance(1000);
  await turns();
  expect(log.slice(0, 2)).toEqual(['a begins', 'a ends']);
  await a.stop();
});

it('goes on where one renewal fails, as while the store’s primary changes (hashicorp/consul#912)', async () => {
  const clock = createFakeClock();
  const table = createMemoryTable(clock);
  const log: string[] = [];
  let fails = 0;
  const elected: Table = {
    ...table,
    renew: (...given) => (fails-- > 0 ? Promise.reject(new Error('no primary')) : table.renew(...given)),
  };
  const a = start(elected, clock, 'a', log);
  await turns();
  const b = start(table, clock, 'b', log);
  for (let second = 0; second < 12; second += 1) {
    if (second % 4 === 0) fails = 1;
    clock.advance(1000);
    await turns();
  }
  expect(log).toEqual(['a begins']);
  await a.stop();
  await b.stop();
});
