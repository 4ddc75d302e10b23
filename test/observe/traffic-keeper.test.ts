// What is kept of the traffic record comes back within bounds, however large the table has become.
import { expect, test } from 'vitest';
import type { Clock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Json } from '../../src/lib/table.ts';
import { createTraffic, type Traffic } from '../../src/observe/traffic.ts';
import { createTrafficKeeper } from '../../src/observe/traffic-keeper.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const mebibyte = 1024 * 1024;

/** As an older version, without budgets, might have left it: each call later than the one before. */
async function filled(entries: Map<string, Json>, clock: Clock & { advance(ms: number): void }): Promise<void> {
  const traffic = createTraffic({ clock, serviceBytes: 64 * mebibyte });
  for (let number = 0; number < 4000; number++) {
    clock.advance(10);
    traffic.record({ service: 'w', caller: 'mtls', principal: `spiffe://td1/${number}`, decision: 'allowed' });
    if (number % 400 === 0)
      traffic.record({ service: 'v', caller: 'plaintext', peer: `${number}`, decision: 'allowed' });
  }
  await createTrafficKeeper({ traffic, table: createMemoryTable(entries), log: silentLog }).flush();
}

const of = (traffic: Traffic, service: string) => traffic.counts().filter((count) => count.service === service);

test('the newest of each service come back; what is beyond is deleted, and told as lost', async () => {
  const entries = new Map<string, Json>();
  const clock = createFakeClock();
  await filled(entries, clock);
  const before = entries.size;
  const reading = new Set<string>();
  const table = createMemoryTable(entries);
  const watched = { ...table, get: (key: string) => table.get(key).finally(() => reading.add(key)) };
  const traffic = createTraffic({ clock });
  await createTrafficKeeper({ traffic, table: watched, log: silentLog, serviceBytes: 200_000 }).restore();
  expect(of(traffic, 'v')).toHaveLength(10);
  const w = of(traffic, 'w');
  expect(w.length).toBeGreaterThan(200);
  expect(w.length).toBeLessThan(2000);
  expect(w.map(({ principal }) => principal)).toContain('spiffe://td1/3999');
  // Whatever is older than what is there is incomplete, and nothing else.
  const oldest = Math.min(...w.map(({ lastSeen }) => lastSeen));
  expect(traffic.lostUntil('w')).toBeGreaterThan(0);
  expect(traffic.lostUntil('w')).toBeLessThan(oldest);
  expect(traffic.lostUntil('v')).toBe(0);
  expect(entries.size).toBe(reading.size + 1);
  expect(entries.size).toBeLessThan(before);

  const again = createTraffic({ clock });
  const keeper = createTrafficKeeper({ traffic: again, table, log: silentLog });
  await keeper.restore();
  expect(again.counts()).toHaveLength(traffic.counts().length);
  expect(again.lostUntil('w')).toBe(traffic.lostUntil('w'));
});

test('the bound of all holds, too', async () => {
  const entries = new Map<string, Json>();
  const clock = createFakeClock();
  await filled(entries, clock);
  const traffic = createTraffic({ clock });
  await createTrafficKeeper({
    traffic,
    table: createMemoryTable(entries),
    log: silentLog,
    maxBytes: 150_000,
  }).restore();
  expect(JSON.stringify([...entries.values()]).length).toBeLessThan(160_000);
  expect(of(traffic, 'w').length).toBeGreaterThan(100);
});
