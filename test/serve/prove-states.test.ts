// When documents count as good: after a while in force, without a rejection by any proxy.
import { expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import type { ProxyStatus } from '../../src/registry/proxy-status.ts';
import { proveStates } from '../../src/serve/prove-states.ts';
import type { LastGood } from '../../src/store/last-good/last-good.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { cellYaml, puts } from '../support/documents.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { acceptsAll } from '../support/judged.ts';

const nack = { revision: 1, message: 'no', resources: [] };

it('proves what is in force once, after the time since the last change or rejection, and never what is rejected', async () => {
  const clock = createFakeClock();
  /** Also what is done once all proxies are known. */
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const store = createMemoryStore({ check: acceptsAll, log: silentLog, clock });
  const proven: (number | undefined)[] = [];
  const lastGood: LastGood = {
    kept: () => [],
    prove: () => void proven.push(store.state()?.revision),
    fallback: () => undefined,
    refused: () => [],
  };
  let rejecting = false;
  const proxies = async (): Promise<Pick<ProxyStatus, 'types'>[]> => [
    { types: rejecting ? [{ typeUrl: 't', nack }] : [] },
  ];
  const proving = proveStates({ store: { ...store, lastGood }, proxies, clock, log: silentLog, soakSeconds: 60 });
  await advance(60_000);
  // Nothing is in force yet.
  expect(proven).toEqual([]);
  await store.apply(puts(cellYaml('a', 1)), { author: 'test' });
  await advance(59_000);
  await store.apply(puts(cellYaml('b', 2)), { author: 'test' });
  await advance(59_000);
  proving.rejected();
  await advance(59_000);
  expect(proven).toEqual([]);
  // It is still rejected when the time is over: not until it no longer is, and for as long again.
  rejecting = true;
  await advance(120_000);
  expect(proven).toEqual([]);
  rejecting = false;
  await advance(60_000);
  expect(proven).toEqual([2]);
  await advance(600_000);
  await store.apply(puts(cellYaml('c', 3)), { author: 'test' });
  proving.stop();
  await advance(600_000);
  expect(proven).toEqual([2]);
  await store.close();
});

it('does not prove what was changed or rejected while the proxies of other replicas were asked for', async () => {
  const clock = createFakeClock();
  const store = createMemoryStore({ check: acceptsAll, log: silentLog, clock });
  let proven = 0;
  const lastGood: LastGood = {
    kept: () => [],
    prove() {
      proven += 1;
    },
    fallback: () => undefined,
    refused: () => [],
  };
  const answers: (() => void)[] = [];
  const proxies = () => new Promise<Pick<ProxyStatus, 'types'>[]>((resolve) => answers.push(() => resolve([])));
  const proving = proveStates({ store: { ...store, lastGood }, proxies, clock, log: silentLog, soakSeconds: 60 });
  await store.apply(puts(cellYaml('a', 1)), { author: 'test' });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  clock.advance(60_000);
  await store.apply(puts(cellYaml('b', 2)), { author: 'test' });
  answers.shift()?.();
  await turn();
  clock.advance(60_000);
  proving.rejected();
  answers.shift()?.();
  await turn();
  expect(proven).toBe(0);
  clock.advance(60_000);
  answers.shift()?.();
  await turn();
  expect(proven).toBe(1);
  proving.stop();
  await store.close();
});
