// When a replica knows that it alone has lost the store, and what it never takes for that.
import { expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { createIsolation } from '../../src/registry/isolation.ts';
import { createReplicas } from '../../src/registry/replicas.ts';
import { createMemoryTable } from '../../src/store/memory-table.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { heardLog } from '../support/heard-log.ts';

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Two replicas on one store, each behind a relay that can be cut; and the way between them. */
async function world() {
  const clock = createFakeClock();
  const table = createMemoryTable(clock);
  const said: string[] = [];
  const log = heardLog({
    error: (_, message) => void said.push(message),
    warn: (_, message) => void said.push(message),
  });
  let [between, asked] = [true, 0];
  const start = (id: string) => {
    let cut = false;
    const replicas = createReplicas({
      table: {
        ...table,
        set: (...args) => (cut ? Promise.reject(new Error('cut')) : table.set(...args)),
        watch: (listener) => table.watch((change) => (cut ? undefined : listener(change))),
      },
      ...{ id, about: () => ({}), clock, log: silentLog },
    });
    const hears = async ({ id: other }: { readonly id: string }, forMs: number): Promise<boolean> => {
      asked += 1;
      if (!between) throw new Error('no answer');
      return (other === 'a' ? a : b).replicas.steadyMs() >= forMs;
    };
    const isolation = createIsolation({ replicas, hears, clock, log: id === 'a' ? log : silentLog });
    const setCut = (to: boolean): void => {
      cut = to;
    };
    return { replicas, isolation, setCut };
  };
  const a = start('a');
  const b = start('b');
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1000);
      await settled();
    }
  };
  await pass(60);
  const isolated = (): string =>
    [a, b].map((one) => (one.isolation.since() === undefined ? '-' : 'isolated')).join(' ');
  const part = (to: boolean): void => {
    between = !to;
  };
  return { a, b, clock, said, pass, isolated, asked: () => asked, part };
}

it('is isolated once it has heard nothing for longer than the bound, while another one has; and is not, once it hears again', async () => {
  const { a, b, clock, said, pass, isolated, asked } = await world();
  a.isolation.check();
  expect(asked()).toBe(0);
  a.setCut(true);
  const cutAt = clock.now();
  await pass(29);
  expect(isolated()).toBe('- -');
  await pass(12);
  expect(isolated()).toBe('isolated -');
  expect(Math.abs((a.isolation.since() ?? 0) - cutAt)).toBeLessThanOrEqual(1000);
  expect(() => a.isolation.check()).toThrow(/cut off from its store, and others are not/);
  b.isolation.check();
  await pass(300);
  expect(isolated()).toBe('isolated -');
  a.setCut(false);
  await pass(8);
  expect(isolated()).toBe('- -');
  a.isolation.check();
  expect(said).toEqual([
    'isolated: it hears nothing of the store, while another control plane does. It takes no new streams',
    'no longer isolated: it takes new streams again',
  ]);
});

it('goes on while the store is away for all, and while nothing is known of the others', async () => {
  const { a, b, said, pass, isolated, part } = await world();
  for (const one of [a, b]) one.setCut(true);
  await pass(300);
  expect(isolated()).toBe('- -');
  // It comes back for one of them first: the other has a bound's time to hear it, too.
  b.setCut(false);
  await pass(25);
  expect(isolated()).toBe('- -');
  a.setCut(false);
  await pass(60);
  part(true);
  a.setCut(true);
  await pass(300);
  expect(isolated()).toBe('- -');
  expect(said).toEqual([]);
});

it('takes streams again when the others are gone, or have lost the store as well', async () => {
  for (const how of ['gone', 'lost'] as const) {
    const { a, b, pass, isolated, part } = await world();
    a.setCut(true);
    await pass(45);
    expect(isolated()).toBe('isolated -');
    if (how === 'gone') part(true);
    else b.setCut(true);
    await pass(20);
    expect(isolated()).toBe('- -');
  }
});

it('is not changed by one answer, or by a pause of the process', async () => {
  const { a, clock, pass, isolated, part } = await world();
  a.setCut(true);
  // One long turn: as after a SIGSTOP, it looks once before it can hear anything.
  await pass(31);
  part(true);
  await pass(4);
  part(false);
  expect(isolated()).toBe('- -');
  await pass(10);
  expect(isolated()).toBe('isolated -');
  part(true);
  await pass(3);
  part(false);
  await pass(10);
  expect(isolated()).toBe('isolated -');
  a.setCut(false);
  await pass(10);
  clock.jump(3_600_000);
  await pass(10);
  expect(isolated()).toBe('- -');
});

it('does not ask those that said goodbye', async () => {
  const { a, b, pass, isolated, asked } = await world();
  b.isolation.stop();
  await b.replicas.stop();
  await settled();
  a.setCut(true);
  await pass(60);
  expect([isolated(), asked()]).toEqual(['- -', 0]);
});
