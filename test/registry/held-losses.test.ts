// Many endpoints that disappear at once are kept for a while; those that die one by one, say goodbye or are evicted are not.
import { expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import type { Json } from '../../src/lib/table.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import { createHeldLosses } from '../../src/registry/held-losses.ts';
import { createOwnRegistry } from '../../src/registry/own-registry.ts';
import { isEndpoint, type RegistryChange } from '../../src/registry/registered-proxy.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { heardLog } from '../support/heard-log.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const spiffeId = 'spiffe://td/service/api' as SpiffeId;
const nodeOf = (index: number): string => `${spiffeId}~${index}`;

async function start(
  count: number,
  leases = new Map<string, Json>(),
  kept = new Map<string, Json>(),
  clock = createFakeClock(),
) {
  const changes: RegistryChange[] = [];
  const logged: string[] = [];
  const log = heardLog({ error: (_, message) => void logged.push(message) });
  const losses = createHeldLosses({
    table: createMemoryTable(kept),
    clock,
    log,
    onChange: (change) => changes.push(change),
    windowMs: 100,
    holdMs: 60_000,
  });
  const table = createMemoryTable(leases);
  const inner = createOwnRegistry({
    leases: table,
    clock,
    log: silentLog,
    holdDownMs: 1000,
    onChange: losses.onChange,
  });
  const registry = losses.of(inner);
  await registry.restore();
  const connect = (index: number, run = 'run'): void => {
    const inbound = { address: `10.0.${index >> 8}.${index & 255}`, port: 8443 };
    const application = { address: '127.0.0.1', port: 80 };
    registry.connected(index + 1, {
      node: nodeOf(index),
      spiffeId,
      inbound,
      application,
      run,
      holder: `host-${index}`,
    });
    registry.accepted(nodeOf(index));
  };
  for (let index = 0; index < count; index++) connect(index);
  const endpoints = () => registry.proxies().filter(isEndpoint).length;
  const lose = (...indexes: readonly number[]): void => {
    for (const index of indexes) registry.disconnected(index + 1, nodeOf(index));
  };
  return { clock, changes, logged, losses, registry, connect, endpoints, lose };
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

it('still holds them after a restart, for what is left of the time, and lets each go as ever', async () => {
  const [leases, kept] = [new Map<string, Json>(), new Map<string, Json>()];
  const first = await start(50, leases, kept);
  first.lose(...range(0, 20));
  await first.clock.advance(1100);
  expect([first.losses.count(), first.endpoints(), kept.size]).toEqual([20, 50, 20]);
  first.losses.stop();
  await first.clock.advance(30_000);
  const again = await start(0, leases, kept, first.clock);
  expect([again.losses.count(), again.logged]).toEqual([20, []]);
  expect(
    again.registry.proxies().filter(({ node }) => range(0, 20).some((index) => nodeOf(index) === node)),
  ).toHaveLength(20);
  expect(again.registry.get(nodeOf(3))).toMatchObject({ state: 'held', ready: true, holder: 'host-3' });
  for (const index of [0, ...range(20, 50)]) again.connect(index);
  again.registry.left(nodeOf(1), 'run', 'host-1');
  expect(again.registry.evict('host-2')).toEqual([nodeOf(2)]);
  expect([again.losses.count(), kept.size]).toEqual([17, 17]);
  await again.clock.advance(30_000);
  expect([again.losses.count(), kept.size]).toEqual([0, 0]);
});

it('judges after a restart what had disappeared just before it', async () => {
  const [leases, kept] = [new Map<string, Json>(), new Map<string, Json>()];
  const first = await start(50, leases, kept);
  first.lose(...range(0, 20));
  await first.clock.advance(1050);
  expect([first.losses.count(), kept.size]).toEqual([0, 20]);
  first.losses.stop();
  const again = await start(0, leases, kept, first.clock);
  await again.clock.advance(150);
  expect(again.losses.count()).toBe(20);
  // One alone goes as ever, also over a restart.
  const [few, fewKept] = [new Map<string, Json>(), new Map<string, Json>()];
  const one = await start(50, few, fewKept);
  one.lose(0);
  await one.clock.advance(1050);
  one.losses.stop();
  const after = await start(0, few, fewKept, one.clock);
  await after.clock.advance(150);
  expect([after.losses.count(), after.registry.get(nodeOf(0)), fewKept.size]).toEqual([0, undefined, 0]);
});

it('keeps them, says so, and drops each that comes back from those that are held', async () => {
  const { clock, changes, logged, losses, registry, connect, endpoints, lose } = await start(40);
  lose(...range(0, 20));
  const before = changes.length;
  clock.advance(1000);
  clock.advance(100);
  expect([endpoints(), losses.count(), logged.length, changes.length - before]).toEqual([40, 20, 1, 0]);
  expect(registry.get(nodeOf(3))).toMatchObject({ state: 'held', ready: true });
  expect(registry.away()).toEqual([]);
  connect(0);
  connect(1, 'another run');
  expect([endpoints(), losses.count()]).toEqual([40, 18]);
  // Whoever really ends is gone at once.
  registry.left(nodeOf(2), 'run', 'host-2');
  expect(registry.evict('host-3')).toEqual([nodeOf(3)]);
  expect([endpoints(), losses.count()]).toEqual([38, 16]);
  expect(changes.slice(-2)).toEqual([2, 3].map((index) => ({ node: nodeOf(index), endpoints: true })));
  // Not for ever.
  clock.advance(60_000);
  expect([endpoints(), losses.count()]).toEqual([22, 0]);
  expect(registry.get(nodeOf(9))).toBeUndefined();
  expect(registry.away().map(({ node }) => node)).toContain(nodeOf(9));
});

it('lets go of a tenth, of five, and of those that die one after the other', async () => {
  const { clock, losses, endpoints, lose } = await start(80);
  lose(...range(0, 8));
  clock.advance(1100);
  expect([endpoints(), losses.count()]).toEqual([72, 0]);
  for (const index of range(8, 40)) {
    lose(index);
    clock.advance(150);
  }
  clock.advance(1100);
  expect([endpoints(), losses.count()]).toEqual([40, 0]);
  const small = await start(7);
  small.lose(0, 1, 2, 3, 4);
  small.clock.advance(1100);
  expect(small.endpoints()).toBe(2);
});

it('keeps all that a restarted control plane knows and hears nothing of', async () => {
  const leases = new Map<string, Json>();
  await start(12, leases);
  const again = await start(0, leases);
  expect(again.endpoints()).toBe(12);
  again.clock.advance(1000);
  again.clock.advance(100);
  expect([again.endpoints(), again.losses.count()]).toEqual([12, 12]);
});

it('takes many goodbyes for what they are', async () => {
  const { clock, losses, registry, endpoints, lose } = await start(20);
  for (const index of range(0, 15)) registry.left(nodeOf(index), 'run', `host-${index}`);
  lose(...range(0, 15));
  clock.advance(2000);
  expect([endpoints(), losses.count()]).toEqual([5, 0]);
});
