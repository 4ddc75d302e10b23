// The log of JWT-SVIDs: bounded for each host, and complete although the table is away for a while.
import { expect, it } from 'vitest';
import { createIssuedJwts, type IssuedJwt } from '../../src/identity/jwt/issued-jwts.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Table } from '../../src/lib/table.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const clock = createFakeClock(1_000_000);
const jwt = (serial: string, over: Partial<IssuedJwt> = {}): IssuedJwt => ({
  ...{ serial, key: 'k', spiffeId: 'spiffe://td1/service/api', audience: ['db'], nodeKey: 'a'.repeat(64) },
  ...{ issuedAt: clock.now(), expiresAt: clock.now() + 300_000 + Number(serial), address: '10.0.0.1' },
  ...over,
});

it('a host that asks endlessly displaces its own rows only, after a restart as well', async () => {
  const table = createMemoryTable();
  let log = createIssuedJwts({ table, clock, log: silentLog });
  await log.record(jwt('9999', { nodeKey: 'b'.repeat(64) }));
  for (let serial = 0; serial < 200; serial += 1) {
    if (serial === 100) log = createIssuedJwts({ table, clock, log: silentLog });
    await log.record(jwt(String(serial)));
  }
  const kept = await log.list();
  expect(kept.map(({ serial }) => Number(serial)).toSorted((a, b) => a - b)).toEqual([
    ...Array.from({ length: 32 }, (_, at) => 168 + at),
    9999,
  ]);
  expect(kept.find(({ serial }) => serial === '199')).toEqual(jwt('199'));
});

it('of an identity without a host the rows are bounded, too', async () => {
  const log = createIssuedJwts({ table: createMemoryTable(), clock, log: silentLog });
  for (let serial = 0; serial < 100; serial += 1) {
    const { nodeKey: _, ...unbound } = jwt(String(serial));
    await log.record(unbound);
  }
  expect(await log.list()).toHaveLength(32);
});

it('long audiences are cut off, and what is no row is not listed', async () => {
  const table = createMemoryTable();
  const log = createIssuedJwts({ table, clock, log: silentLog });
  await log.record(jwt('1', { audience: ['x'.repeat(1000), 'y'] }));
  await table.set('2', { serial: '2', token: 'e30' });
  await table.set('3', 'text');
  expect(await log.list()).toEqual([jwt('1', { audience: ['x'.repeat(200), 'y'] })]);
});

it('what the table missed is written later, and a read that failed once is tried again', async () => {
  const table = createMemoryTable();
  let away = true;
  const failing =
    <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      away ? Promise.reject(new Error('away')) : call(...args);
  const flaky: Table = { ...table, set: failing(table.set), list: failing(table.list) };
  const log = createIssuedJwts({ table: flaky, clock, log: silentLog });
  await log.record(jwt('1'));
  await log.record(jwt('2'));
  away = false;
  await log.record(jwt('3'));
  expect((await log.list()).map(({ serial }) => serial).toSorted()).toEqual(['1', '2', '3']);
});
