// Of a host that renews endlessly, what ends last stays on record: how long proxies refuse a banned one depends on it.
import { expect, it } from 'vitest';
import { createIssuedLog, type IssuedCertificate } from '../../src/identity/issued-log.ts';
import { silentLog } from '../../src/lib/log.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';

it('a certificate that outlives the others is not displaced by them, before or after a restart', async () => {
  const clock = createFakeClock();
  const table = createMemoryTable();
  const spiffeId = parseSpiffeId('spiffe://td1/service/api');
  if (spiffeId === undefined) throw new Error('no id');
  const certificate = (serial: string, lastsMs: number): IssuedCertificate => ({
    ...{ serial, spiffeId, purpose: 'csr', nodeKey: 'a' },
    notBefore: new Date(clock.now()).toISOString(),
    notAfter: new Date(clock.now() + lastsMs).toISOString(),
  });
  const day = 86_400_000;
  let log = createIssuedLog({ table, clock, log: silentLog });
  await log.record(certificate('first', 1000));
  await log.record(certificate('long', 30 * day));
  for (let serial = 0; serial < 200; serial += 1) {
    if (serial === 100) log = createIssuedLog({ table, clock, log: silentLog });
    await log.record(certificate(String(serial), 3_600_000));
  }
  const kept = (await log.list()).map(({ serial }) => serial);
  expect(kept).toHaveLength(64);
  expect(kept).toContain('long');
  expect(kept).toContain('199');
  expect(kept).not.toContain('first');
});

it('of jobs without end only the last hosts are counted, and a host that goes on is', async () => {
  const clock = createFakeClock();
  const table = createMemoryTable();
  const spiffeId = parseSpiffeId('spiffe://td1/ci/42');
  if (spiffeId === undefined) throw new Error('no id');
  const log = createIssuedLog({ table, clock, log: silentLog, maxHosts: 3 });
  const at = new Date(clock.now()).toISOString();
  const end = new Date(clock.now() + 1000).toISOString();
  for (let turn = 0; turn < 100; turn += 1) {
    for (const nodeKey of ['goes on', `job ${turn}`, `other ${turn}`])
      await log.record({
        serial: `${nodeKey} ${turn}`,
        spiffeId,
        purpose: 'csr',
        nodeKey,
        notBefore: at,
        notAfter: end,
      });
  }
  const kept = await log.list();
  expect(kept.filter(({ nodeKey }) => nodeKey === 'goes on')).toHaveLength(64);
  expect(kept).toHaveLength(264);
});
