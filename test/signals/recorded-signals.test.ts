// Signals over time: each call counts once in whatever is asked, whenever minutes, hours and days end, and however the process ended.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import type { Edge } from '../../src/signals/edge.ts';
import { createOthersSignals } from '../../src/signals/others-signals.ts';
import { createReadSignals } from '../../src/signals/read-signals.ts';
import { createRecordedSignals, type RecordedSignals } from '../../src/signals/recorded-signals.ts';
import type { Sample } from '../../src/signals/signals.ts';
import { createSignalsKeeper } from '../../src/signals/signals-keeper.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
const edge = (principal: string, service = 'api'): Edge => ({ side: 'inbound', service, caller: 'mtls', principal });
const one = (count = 1, status = 200): Sample => ({
  ...{ facts: { status, flags: status >= 500 ? ['UF'] : [], tls: '1.3' }, decision: 'allowed', count },
  ...{ took: Array<number>(count).fill(5), received: 10 * count, sent: 100 * count },
});

function world(table = createMemoryTable(), clock = createFakeClock(), limits = {}) {
  const own = createRecordedSignals({ clock, ...limits });
  const keeper = createSignalsKeeper({ signals: own, table, clock, log: silentLog });
  const others = createOthersSignals(silentLog);
  const { read } = createReadSignals({ own, others, clock });
  const total = async (since: number): Promise<number> =>
    (await read({ since })).edges.reduce((sum, { signals }) => sum + signals.calls, 0);
  return { table, clock, own, keeper, others, read, total };
}

test.each([0, 30_000, 2 * minute, 58 * minute, 3 * hour, 40 * hour, 5 * day, 33 * day, 300 * day])(
  'a call is counted once, %d ms later',
  async (after) => {
    const { clock, own, read, total } = world();
    own.record(edge('a'), one(3, 503));
    clock.advance(after);
    expect([...own.changes()].length).toBeGreaterThan(0);
    expect(await total(clock.now() - after - minute)).toBe(3);
    const { edges } = await read({ since: clock.now() - after - minute });
    expect(edges).toHaveLength(1);
    expect(edges[0]).toMatchObject({ edge: { service: 'api', principal: 'a' }, signals: { received: 30, sent: 300 } });
    expect(edges[0]?.signals.classes).toEqual([0, 0, 0, 0, 0, 3]);
    expect([...(edges[0]?.signals.flags ?? [])]).toEqual([['UF', 3]]);
  },
);

const steps = fc.array(
  fc.record({
    wait: fc.constantFrom(0, 1000, 20_000, minute, 61 * minute, 7 * hour, 26 * hour, 9 * day),
    count: fc.nat(5),
    /** What happens to the process: nothing, it writes, it ends after a write, or in the middle of it. */
    next: fc.constantFrom('goes on', 'writes', 'restarts', 'asked'),
  }),
  { minLength: 1, maxLength: 25 },
);

test('in any order of calls, waits, writes and restarts, all months together have each call once', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      let at = world();
      const began = at.clock.now();
      let counted = 0;
      for (const { wait, count, next } of all) {
        at.clock.advance(wait);
        at.own.record(edge('a'), one(count));
        counted += count;
        if (next === 'writes' || next === 'restarts') await at.keeper.flush();
        if (next === 'restarts') {
          at = world(at.table, at.clock);
          await at.keeper.restore();
        }
        if (next === 'asked') await at.total(began);
      }
      expect(await at.total(began)).toBe(counted);
      const [month] = (await at.read({ since: began, series: true })).edges;
      expect((month?.periods ?? []).reduce((sum, { signals }) => sum + signals.calls, 0)).toBe(counted);
    }),
    { numRuns: 60 },
  );
});

test('a process that ends in the middle of a write counts nothing twice, and loses what was not written', async () => {
  const first = world();
  first.own.record(edge('a'), one(2));
  await first.keeper.flush();
  first.clock.advance(2 * minute);
  first.own.record(edge('a'), one(4));
  // The minute that is over is written, the hour that has it is not.
  const names = [...first.own.changes()].flatMap((changed) => [...changed.keys()]);
  expect(names.map((name) => name.split(' ')[1]).toSorted()).toEqual(['hour', 'minute', 'minute']);
  const second = world(first.table, first.clock);
  await second.keeper.restore();
  expect(await second.total(first.clock.now() - 10 * minute)).toBe(2);
  expect(await second.total(first.clock.now() - 5 * hour)).toBe(2);
});

test('other replicas count with their own rows, at whatever point those are', async () => {
  const [here, there] = [world(), world()];
  const tell = async (): Promise<void> => {
    await there.keeper.flush();
    for await (const { key, value } of there.table.entries()) here.others.take('there', key, value);
  };
  here.own.record(edge('a'), one(1));
  there.own.record(edge('a'), one(10));
  await tell();
  expect(await here.total(here.clock.now() - minute)).toBe(11);
  for (const { clock } of [here, there]) clock.advance(3 * hour);
  there.own.record(edge('b'), one(100));
  await tell();
  expect(await here.total(here.clock.now() - 5 * hour)).toBe(111);
  expect(await here.total(here.clock.now() - minute)).toBe(100);
  expect((await here.read({ since: here.clock.now() - 5 * hour })).edges).toHaveLength(2);
});

test('endless callers of one service have one place, and take none from another', async () => {
  const { clock, own, read } = world();
  own.record(edge('good', 'web'), one());
  for (let at = 0; at < 3000; at++)
    own.record({ side: 'inbound', service: 'api', caller: 'plaintext', peer: `10.0.${at}` }, one());
  for (let at = 0; at < 3000; at++) own.record({ side: 'outbound', service: 'api', target: `t${at}` }, one());
  const { edges } = await read({ since: clock.now() - minute });
  expect(edges.length).toBeLessThanOrEqual(404);
  expect(
    edges.find(({ edge: of }) => of.side === 'inbound' && of.caller === 'plaintext' && of.peer === undefined),
  ).toBeDefined();
  expect(edges.reduce((sum, { signals }) => sum + signals.calls, 0)).toBe(6001);
});

test('over the limit, the finest and oldest periods of the largest go, and that is said', async () => {
  const { clock, own, read, keeper, table, total } = world(createMemoryTable(), createFakeClock(), {
    serviceChars: 20_000,
    maxChars: 25_000,
  });
  const began = clock.now();
  own.record(edge('small', 'web'), one());
  for (let at = 0; at < 60; at++) {
    for (let caller = 0; caller < 20; caller++) own.record(edge(`caller-${caller}`), one());
    clock.advance(minute);
    await keeper.flush();
  }
  const { dropped } = await read({ since: began });
  expect(dropped.get('api')).toBeGreaterThan(began);
  expect(dropped.has('web')).toBe(false);
  expect(sizeOf(own)).toBeLessThan(25_000);
  // The hour has them all nevertheless.
  clock.advance(2 * hour);
  expect(await total(began)).toBe(1201);
  expect((await table.list()).length).toBeLessThan(60);
});

function sizeOf(own: RecordedSignals): number {
  const rows = own.services().flatMap((service) => [...own.rows(service)]);
  return rows.reduce((sum, row) => sum + ('text' in row ? row.text.length : 0), 0);
}

test('a clock that is set back loses no call', async () => {
  const { clock, own, total } = world();
  own.record(edge('a'), one(1));
  clock.jump(-3 * hour);
  own.record(edge('a'), one(2));
  clock.advance(4 * hour);
  own.record(edge('a'), one(4));
  expect(await total(clock.now() - day)).toBe(7);
});
