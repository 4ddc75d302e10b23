// A control plane that starts beside others, or after them, judges by all that was recorded, from its first moment on.
import { expect, it } from 'vitest';
import { createLifecycle } from '../../src/lib/lifecycle.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import type { Call } from '../../src/observe/traffic-count.ts';
import { openRecord } from '../../src/serve/open-record.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { acceptsAll } from '../support/judged.ts';

const call: Call = { service: 'cell-1/api', caller: 'mtls', principal: 'spiffe://td/web', decision: 'allowed' };

it('knows the calls of one that is gone, and of one that writes nothing any more', async () => {
  const clock = createFakeClock(Date.now());
  const store = createMemoryStore({ check: acceptsAll, log: silentLog, clock });
  const open = async (id: string) => {
    const lifecycle = createLifecycle();
    const replicas = { id, list: () => [], isAlive: () => true, ask: async () => new Map(), answer: () => {} };
    return {
      ...(await openRecord({
        store,
        metrics: createMetrics({ process: false }),
        clock,
        log: silentLog,
        lifecycle,
        replicas,
      })),
      close: () => lifecycle.close(),
    };
  };
  const [gone, quiet] = [await open('gone'), await open('quiet')];
  gone.traffic.record(call, 3);
  quiet.traffic.record({ ...call, principal: 'spiffe://td/other' }, 2);
  await clock.advance(11_000);
  await gone.close();
  const written = async () =>
    new Set((await store.table('traffic').list()).map(({ key }) => key.split(' ')[0])).size === 2;
  await eventually('both have written', async () => (await written()) || undefined);
  const fresh = await open('fresh');
  const counts = fresh.traffic.counts().map(({ principal, count }) => [principal, count]);
  expect(new Map(counts as [string, number][])).toEqual(
    new Map([
      ['spiffe://td/web', 3],
      ['spiffe://td/other', 2],
    ]),
  );
  for (const one of [quiet, fresh]) await one.close();
});
