// The record of several replicas over one store: each writes its own part, all read all of them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { createCoverage } from '../../src/observe/coverage.ts';
import { createHandshakes } from '../../src/observe/handshakes.ts';
import { mergeNodes } from '../../src/observe/merge-nodes.ts';
import { createOthersCoverage } from '../../src/observe/others-coverage.ts';
import { createPartTable } from '../../src/observe/part-table.ts';
import { shareHandshakes } from '../../src/observe/shared-handshakes.ts';
import { shareTraffic } from '../../src/observe/shared-traffic.ts';
import type { StoredGap, StoredNode } from '../../src/observe/stored-node.ts';
import { sweepParts } from '../../src/observe/sweep-parts.ts';
import { createTraffic } from '../../src/observe/traffic.ts';
import type { Call } from '../../src/observe/traffic-count.ts';
import { createTrafficKeeper } from '../../src/observe/traffic-keeper.ts';
import { createMemoryTable } from '../../src/store/memory-table.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const call: Call = { service: 'cell-1/api', caller: 'mtls', principal: 'spiffe://td/web', decision: 'allowed' };

describe('traffic', () => {
  it('is the sum of what each recorded; none overwrites another, and a restart keeps its own', async () => {
    const clock = createFakeClock();
    const table = createMemoryTable(clock);
    const open = async (replica: string) => {
      const own = createTraffic({ clock });
      const keeper = createTrafficKeeper({ traffic: own, table: createPartTable(table, replica), log: silentLog });
      await keeper.restore();
      const shared = shareTraffic({ own, table, replica, log: silentLog });
      await shared.past;
      return { ...shared, flush: keeper.flush };
    };
    const [a, b] = [await open('a'), await open('b')];
    a.traffic.record(call, 3);
    a.traffic.record({ ...call, principal: 'spiffe://td/only-a' });
    b.traffic.record(call, 4);
    for (const one of [a, b]) await one.flush();
    await turn();
    for (const { traffic } of [a, b]) {
      expect(traffic.counts().find(({ principal }) => principal === 'spiffe://td/web')?.count).toBe(7);
      expect(traffic.counts()).toHaveLength(2);
      expect([...traffic.calls(0)].reduce((sum, { count }) => sum + count, 0)).toBe(8);
    }
    a.stop();
    const again = await open('a');
    again.traffic.record(call);
    await again.flush();
    await turn();
    expect(b.traffic.counts().find(({ principal }) => principal === 'spiffe://td/web')?.count).toBe(8);
    expect(again.traffic.counts().reduce((sum, { count }) => sum + count, 0)).toBe(9);
  });

  it('of others is known to one that starts, whoever still writes, and what changes meanwhile is newer', async () => {
    const clock = createFakeClock();
    const table = createMemoryTable(clock);
    const write = (count: number) => {
      const own = createTraffic({ clock });
      own.record(call, count);
      return createTrafficKeeper({ traffic: own, table: createPartTable(table, 'gone'), log: silentLog }).flush();
    };
    await write(3);
    const { traffic, past } = shareTraffic({ own: createTraffic({ clock }), table, replica: 'fresh', log: silentLog });
    await write(5);
    await past;
    await turn();
    expect(traffic.counts().map(({ count }) => count)).toEqual([5]);
  });

  it('that is more than is read of others counts as lost', async () => {
    const clock = createFakeClock();
    const table = createMemoryTable(clock);
    const own = createTraffic({ clock });
    const { traffic } = shareTraffic({ own, table, replica: 'a', log: silentLog, maxBytes: 10 });
    const other = createTraffic({ clock });
    other.record(call);
    await createTrafficKeeper({ traffic: other, table: createPartTable(table, 'b'), log: silentLog }).flush();
    await turn();
    expect(traffic.counts()).toEqual([]);
    expect(traffic.lostUntil('cell-1/api')).toBe(clock.now());
    expect([...traffic.lost()]).toEqual([['cell-1/api', clock.now()]]);
  });
});

it('failed handshakes are those of all', async () => {
  const clock = createFakeClock();
  const table = createMemoryTable(clock);
  const open = (replica: string) => {
    const own = createHandshakes({ clock, table: createPartTable(table, replica) });
    return shareHandshakes({ own, table, replica }).handshakes;
  };
  const [a, b] = [open('a'), open('b')];
  for (const one of [a, b]) {
    one.noHttp({ service: 'cell-1/api' }, undefined);
    await one.flush();
  }
  await turn();
  expect(a.failed()).toMatchObject([{ service: 'cell-1/api', count: 2 }]);
  expect(b.failed()).toEqual(a.failed());
});

describe('the times with a record', () => {
  const start = () => {
    const clock = createFakeClock();
    const table = createMemoryTable(clock);
    const open = (replica: string) =>
      createCoverage({
        ...{ table: createPartTable(table, replica), clock, log: silentLog },
        others: createOthersCoverage({ table, replica, clock }),
      });
    return { clock, a: open('a'), b: open('b') };
  };

  it('of a proxy that moves have a gap only while it was nowhere', async () => {
    const { clock, a, b } = start();
    for (const one of [a, b]) await one.flush();
    const begun = clock.now();
    a.connected('n', 's');
    clock.advance(60_000);
    b.connected('n', 's');
    clock.advance(1000);
    a.disconnected('n');
    for (const one of [a, b]) await one.flush();
    await turn();
    for (const one of [a, b]) {
      expect(one.of('s', 0)).toMatchObject({
        since: begun,
        gaps: [{ node: 'n', from: begun + 46_000, to: begun + 60_000 }],
      });
    }
    clock.advance(100_000);
    for (const one of [a, b]) await one.flush();
    b.disconnected('n');
    await turn();
    expect(a.of('s', 0).gaps.at(-1)).toEqual({ node: 'n', from: clock.now() - 15_000 });
  });

  it('end where the replica that had it was heard last', async () => {
    const { clock, a, b } = start();
    b.connected('n', 's');
    await b.flush();
    await turn();
    const last = clock.now();
    clock.advance(30_000);
    expect(a.of('s', 0).gaps).toEqual([]);
    clock.advance(30_000);
    expect(a.of('s', 0).gaps).toEqual([{ node: 'n', from: last }]);
    a.connected('n', 's');
    expect(a.of('s', 0).gaps).toEqual([{ node: 'n', from: last, to: clock.now() }]);
  });

  it('end at once where the replica that had it runs no more', async () => {
    const clock = createFakeClock();
    const table = createMemoryTable(clock);
    let runs = true;
    const others = createOthersCoverage({ table, replica: 'a', runs: () => runs, clock });
    const a = createCoverage({ table: createPartTable(table, 'a'), others, clock, log: silentLog });
    const b = createCoverage({ table: createPartTable(table, 'b'), clock, log: silentLog });
    b.connected('n', 's');
    await b.flush();
    await turn();
    const last = clock.now();
    clock.advance(7000);
    expect(a.of('s', 0).gaps).toEqual([]);
    runs = false;
    expect(a.of('s', 0).gaps).toEqual([{ node: 'n', from: last }]);
    a.connected('n', 's');
    expect(a.of('s', 0).gaps).toEqual([{ node: 'n', from: last, to: clock.now() }]);
  });

  it('are missing exactly what no replica has', () => {
    const end = 40;
    const node = fc
      .record({
        since: fc.nat(end),
        cuts: fc.uniqueArray(fc.nat(end), { maxLength: 7 }),
        open: fc.boolean(),
        goneAt: fc.option(fc.nat(end), { nil: undefined }),
      })
      .map(({ since, cuts, open, goneAt }): StoredNode => {
        const points = cuts.toSorted((a, b) => a - b);
        const gaps: StoredGap[] = [];
        for (let index = 0; index < points.length; index += 2) {
          const [from = 0, to] = [points[index], points[index + 1]];
          if (to !== undefined) gaps.push([from, to]);
          else if (open) gaps.push([from, null]);
        }
        return { service: 's', since, gaps, ...(goneAt === undefined ? {} : { goneAt }) };
      });
    const has = ({ since, gaps, goneAt }: StoredNode, at: number): boolean =>
      at >= since &&
      (goneAt === undefined || at < goneAt) &&
      !gaps.some(([from, to]) => at >= from && at < (to ?? Number.POSITIVE_INFINITY));
    fc.assert(
      fc.property(node, node, node, (a, b, c) => {
        const merged = mergeNodes([a, b, c]);
        for (let at = 0.5; at < end + 2; at += 1) {
          expect(has(merged, at), `at ${at} of ${JSON.stringify(merged)}`).toBe([a, b, c].some((one) => has(one, at)));
        }
        expect(merged.gaps.slice(0, -1).every(([, to]) => to !== null)).toBe(true);
      }),
    );
  });
});

it('what one recorded that is gone for more than a month is removed, and nothing else', async () => {
  const clock = createFakeClock();
  const [coverage, traffic] = [createMemoryTable(clock), createMemoryTable(clock)];
  const month = 31 * 86_400_000;
  await createPartTable(coverage, 'gone').set('~', clock.now() - month - 1);
  await createPartTable(coverage, 'here').set('~', clock.now() - month + 1);
  for (const id of ['gone', 'here', 'without-a-beat']) {
    for (const table of [coverage, traffic]) await createPartTable(table, id).set('row', 1);
  }
  await traffic.set('from before there were replicas', 1);
  for (const table of [traffic, coverage]) {
    const fence = await table.acquire('sweep', 1000);
    if (fence === undefined) throw new Error('nobody held it');
    const begin = sweepParts({ coverage, table, clock, log: silentLog });
    // It was paused, and another one has the lease.
    begin({ ...fence, token: 'earlier' })();
    for (let index = 0; index < 10; index += 1) await turn();
    expect(await createPartTable(table, 'gone').get('row')).toBe(1);
    const end = begin(fence);
    for (let index = 0; index < 10; index += 1) await turn();
    end();
  }
  expect((await traffic.list()).map(({ key }) => key)).toEqual([
    '@here row',
    '@without-a-beat row',
    'from before there were replicas',
  ]);
  expect((await coverage.list()).map(({ key }) => key)).toEqual([
    '@gone ~',
    '@here row',
    '@here ~',
    '@without-a-beat row',
  ]);
});
