// What other replicas heard a moment ago, for somebody who decides by the record: they write it when asked, and it is read first.
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import type { Table } from '../../src/lib/table.ts';
import { createFreshParts } from '../../src/observe/fresh-parts.ts';
import { createPartTable } from '../../src/observe/part-table.ts';
import { shareTraffic } from '../../src/observe/shared-traffic.ts';
import { createTraffic } from '../../src/observe/traffic.ts';
import type { Call } from '../../src/observe/traffic-count.ts';
import { createTrafficKeeper } from '../../src/observe/traffic-keeper.ts';
import { createAskReplicas } from '../../src/registry/ask-replicas.ts';
import { createMemoryTable } from '../../src/store/memory-table.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const call: Call = { service: 'api', caller: 'plaintext', peer: '10.0.0.1', decision: 'allowed' };
const turn = () => new Promise((resolve) => setImmediate(resolve));
const turns = async () => {
  for (let n = 0; n < 20; n += 1) await turn();
};

/** A table whose watchers are told `late` turns after the write, as those of a store elsewhere. */
function late(table: Table, turnsLate: () => number): Table {
  return {
    ...table,
    watch: (listener) => {
      let told = Promise.resolve();
      return table.watch((change) => {
        told = told.then(async () => {
          for (let n = 0; n < turnsLate(); n += 1) await turn();
          listener(change);
        });
      });
    },
  };
}

function start(
  ids: readonly string[],
  { dead = [], deaf = [] }: { dead?: readonly string[]; deaf?: readonly string[] } = {},
) {
  const clock = createFakeClock();
  const [questions, answers, record] = [createMemoryTable(clock), createMemoryTable(clock), createMemoryTable(clock)];
  let lateness = 0;
  const asked: string[] = [];
  const open = (id: string) => {
    const replicas = { id, list: () => ids.map((one) => ({ id: one, alive: !dead.includes(one), about: {} })) };
    const others = { ...replicas, ...createAskReplicas({ questions, answers, replicas, clock, log: silentLog }) };
    const own = createTraffic({ clock });
    const part = createPartTable(record, id);
    const keeper = createTrafficKeeper({ traffic: own, table: part, log: silentLog });
    const flush = async (): Promise<void> => {
      asked.push(id);
      if (deaf.includes(id)) await new Promise(() => {});
      await keeper.flush();
    };
    const fresh = createFreshParts({ tables: new Map([['traffic', part]]), others, flush, clock });
    const table = late(record, () => lateness);
    const { traffic } = shareTraffic({ own, table, replica: id, onMark: fresh.onMark('traffic'), log: silentLog });
    return { traffic, keeper, refresh: fresh.refresh };
  };
  const setLate = (turnsLate: number): void => {
    lateness = turnsLate;
  };
  return { clock, open, asked, table: record, setLate };
}

describe('the parts of others', () => {
  it('are read up to now, however late the store tells of them', async () => {
    const { open, setLate } = start(['a', 'b']);
    const [a, b] = [open('a'), open('b')];
    b.traffic.record(call, 3);
    expect(a.traffic.counts()).toEqual([]);
    setLate(10);
    expect(await a.refresh()).toEqual([]);
    expect(a.traffic.counts()).toMatchObject([{ ...call, count: 3 }]);
    b.traffic.record(call, 2);
    expect(await a.refresh()).toEqual([]);
    expect(a.traffic.counts()).toMatchObject([{ count: 5 }]);
  });

  it('are asked for once by all who want them at the same time, and again by whoever comes later', async () => {
    const { open, asked } = start(['a', 'b']);
    const [a] = [open('a'), open('b')];
    await Promise.all([a.refresh(), a.refresh(), a.refresh()]);
    // The first, and one for the two that came while it ran.
    expect(asked).toEqual(['b', 'b']);
    await a.refresh();
    expect(asked).toHaveLength(3);
  });

  it('that do not come in time are named, and waited for no longer; those that are gone are not asked', async () => {
    const { clock, open } = start(['a', 'b', 'silent', 'gone'], { dead: ['gone'], deaf: ['silent'] });
    const [a, b] = [open('a'), open('b'), open('silent')];
    b.traffic.record(call);
    const refreshed = a.refresh();
    await turns();
    clock.advance(1500);
    expect(await refreshed).toEqual(['silent']);
    expect(a.traffic.counts()).toMatchObject([{ count: 1 }]);
  });

  it('that the store does not tell of in time count as not told', async () => {
    const { clock, open, setLate } = start(['a', 'b']);
    const [a] = [open('a'), open('b')];
    setLate(Number.POSITIVE_INFINITY);
    const refreshed = a.refresh();
    await turns();
    clock.advance(1500);
    await turns();
    setLate(0);
    expect(await refreshed).toEqual(['b']);
  });

  it('carry marks that are no entries of them, and that end', async () => {
    const { clock, open, table } = start(['a', 'b']);
    const [a, b] = [open('a'), open('b')];
    b.traffic.record(call);
    await a.refresh();
    await a.refresh();
    expect((await table.list()).map(({ key }) => key.replace(/ [0-9a-f-]{36}$/, ''))).toEqual(
      expect.arrayContaining(['@b 0', '@b ~mark']),
    );
    expect((await createPartTable(table, 'b').list()).map(({ key }) => key)).toEqual(['0']);
    clock.advance(60_001);
    expect((await table.list()).map(({ key }) => key)).toEqual(['@b 0']);
  });

  it('are nobody’s where there is no other', async () => {
    const { open } = start(['a']);
    expect(await open('a').refresh()).toEqual([]);
  });
});
