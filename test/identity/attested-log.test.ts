// How hosts proved themselves: the last times of each, also if control planes on one store write at once; bounded whatever evidence says.
import { expect, it } from 'vitest';
import { createAttestedLog } from '../../src/identity/attested-log.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Evidence } from '../../src/model/evidence.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const evidence: Evidence = { attestor: 'join-token', values: { identity: 'x'.repeat(1000) } };
const of = (nodeKey: string, address = '10.0.0.1') => ({ nodeKey, spiffeId: 'spiffe://td1/service/api', address });

it('keeps the last eight times of each host, cut to what is bearable', async () => {
  const clock = createFakeClock();
  const log = createAttestedLog({ table: createMemoryTable(), clock, log: silentLog });
  for (let time = 0; time < 20; time += 1) {
    clock.advance(1000);
    log.record({ ...of('a', `10.0.0.${time}`), token: 'abc' }, evidence);
    log.record(of('b'), evidence);
  }
  await log.written();
  const all = await log.list();
  expect(all.filter(({ nodeKey }) => nodeKey === 'b')).toHaveLength(8);
  const own = all.filter(({ nodeKey }) => nodeKey === 'a');
  expect(own.map(({ address }) => address)).toEqual([19, 18, 17, 16, 15, 14, 13, 12].map((time) => `10.0.0.${time}`));
  expect(own[0]).toMatchObject({ attestor: 'join-token', token: 'abc', at: clock.now() });
  expect(own[0]?.values['identity']?.length).toBeLessThan(300);
});

it('loses none of what two control planes write at once, and ignores what is none', async () => {
  const table = createMemoryTable();
  const logs = [1, 2].map(() => createAttestedLog({ table, clock: createFakeClock(), log: silentLog }));
  for (const log of logs) for (let time = 0; time < 4; time += 1) log.record(of('a', `${time}`), evidence);
  await Promise.all(logs.map((log) => log.written()));
  expect(await logs[0]?.list()).toHaveLength(8);
  await table.set('odd', [7, null, { spiffeId: 'x' }]);
  await table.set('odder', 'text');
  expect(await logs[1]?.list()).toHaveLength(8);
});
