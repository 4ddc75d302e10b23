// Several replicas over one table: what each knows of the others' proxies, and that no endpoint is lost when one dies, pauses or restarts.
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import type { Table } from '../../src/lib/table.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import { isEndpoint } from '../../src/registry/registered-proxy.ts';
import { createReplicas, type Replicas } from '../../src/registry/replicas.ts';
import { createSharedRegistry, type SharedRegistry } from '../../src/registry/shared-registry.ts';
import { createMemoryTable } from '../../src/store/memory-table.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

const spiffeId = 'spiffe://td/cell/cell-1/service/api' as SpiffeId;
const node = `${spiffeId}~a`;
const inbound = { address: '10.0.0.1', port: 8443 };
const application = { address: '127.0.0.1', port: 80 };
const proxy = { node, spiffeId, inbound, application, run: 'r1', holder: 'h' };
const candidate = { node, spiffeId, inbound, application, run: 'r1', holder: 'h', peer: '10.0.0.1' };

/** What was written is told, and what follows from that. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

interface One {
  readonly registry: SharedRegistry;
  readonly replicas: Replicas;
  readonly changes: { readonly node: string; readonly endpoints: boolean }[];
  endpoints(): readonly string[];
}

/** Its table can be cut off: then it neither writes nor hears. */
function cuttable(table: Table): Table & { cut: boolean } {
  const waiting: (() => void)[] = [];
  const cutTable = {
    ...table,
    cut: false,
    set: (...args: Parameters<Table['set']>) => (cutTable.cut ? Promise.resolve() : table.set(...args)),
    watch: (listener: Parameters<Table['watch']>[0]) =>
      table.watch((change) => {
        if (cutTable.cut) waiting.push(() => listener(change));
        else listener(change);
      }),
  };
  return cutTable;
}

async function start(clock: FakeClock, tables: { leases: Table; beats: Table }, id: string): Promise<One> {
  const changes: { readonly node: string; readonly endpoints: boolean }[] = [];
  const replicas = createReplicas({ table: tables.beats, id, about: () => ({}), clock, log: silentLog });
  const registry = createSharedRegistry({
    ...{ leases: tables.leases, replicas, clock, log: silentLog, holdDownMs: 30_000 },
    onChange: (change) => changes.push(change),
  });
  await registry.restore();
  const endpoints = () =>
    registry
      .proxies()
      .filter(isEndpoint)
      .map((one) => one.node)
      .toSorted();
  return { registry, replicas, changes, endpoints };
}

async function pair() {
  const clock = createFakeClock();
  const tables = { leases: createMemoryTable(clock), beats: createMemoryTable(clock) };
  const cut = cuttable(tables.beats);
  const a = await start(clock, { ...tables, beats: cut }, 'a');
  const b = await start(clock, tables, 'b');
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 1000) {
      clock.advance(Math.min(left, 1000));
      await settled();
    }
  };
  await pass(1000);
  return { clock, tables, cut, a, b, pass };
}

async function serving(one: One, stream = 1, of = proxy): Promise<void> {
  one.registry.connected(stream, of);
  one.registry.accepted(of.node);
  await settled();
}

describe('replicas', () => {
  it('know of each other’s proxies, and who has each', async () => {
    const { a, b } = await pair();
    await serving(a);
    expect(b.registry.get(node)).toMatchObject({ state: 'connected', ready: true, replica: 'a', inbound });
    expect(a.registry.get(node)).not.toHaveProperty('replica');
    expect(b.endpoints()).toEqual([node]);
    a.registry.disconnected(1, node);
    await settled();
    expect(b.registry.get(node)).toMatchObject({ state: 'held', ready: true, replica: 'a' });
    a.registry.left(node, 'r1', 'h');
    await settled();
    expect(b.registry.get(node)).toBeUndefined();
    expect(b.registry.away()).toEqual([]);
  });

  it('a second one that starts takes nothing away, however long it waits', async () => {
    const { clock, tables, a, b, pass } = await pair();
    await serving(a);
    const late = await start(clock, tables, 'c');
    await pass(120_000);
    for (const one of [a, b, late]) expect(one.endpoints()).toEqual([node]);
    expect(a.registry.get(node)).toMatchObject({ state: 'connected' });
  });

  it('a proxy that moves is an endpoint all the time, and belongs to where its stream is', async () => {
    const { a, b, pass } = await pair();
    await serving(a);
    b.registry.admit(candidate);
    b.registry.connected(7, proxy);
    expect(b.registry.get(node)).toMatchObject({ state: 'connected', ready: true });
    await settled();
    a.registry.disconnected(1, node);
    await settled();
    await pass(60_000);
    expect(a.registry.get(node)).toMatchObject({ state: 'connected', ready: true, replica: 'b' });
    expect(b.registry.get(node)).not.toHaveProperty('replica');
    for (const { changes } of [a, b]) expect(changes.filter(({ endpoints }) => endpoints)).toHaveLength(1);
  });

  it('one that dies loses no endpoint that comes back within the hold-down; what does not is gone everywhere', async () => {
    const { cut, b, a, pass } = await pair();
    const other = { ...proxy, node: `${spiffeId}~b`, inbound: { ...inbound, port: 1 }, holder: 'i' };
    await serving(a);
    await serving(a, 2, other);
    a.registry.stop();
    cut.cut = true;
    await pass(3000);
    expect(b.registry.get(node)).toMatchObject({ state: 'connected' });
    await pass(4000);
    expect(b.registry.get(node)).toMatchObject({ state: 'held', ready: true });
    b.registry.connected(1, proxy);
    await pass(26_000);
    expect(b.endpoints()).toEqual([node, other.node]);
    await pass(6000);
    expect(b.endpoints()).toEqual([node]);
    expect(b.registry.away()).toMatchObject([{ node: other.node }]);
  });

  it('one that was paused takes nothing back when it wakes: it learns who has its proxies', async () => {
    const { clock, tables, cut, a, b, pass } = await pair();
    await serving(a);
    cut.cut = true;
    await pass(10_000);
    b.registry.connected(1, proxy);
    await settled();
    // It still believes to have the stream.
    a.registry.accepted(node);
    await settled();
    expect(await tables.leases.get(node)).toMatchObject({ by: 'b', ready: true });
    cut.cut = false;
    a.registry.disconnected(1, node);
    await pass(60_000);
    expect(await tables.leases.get(node)).toMatchObject({ by: 'b', ready: true });
    expect(a.registry.get(node)).toMatchObject({ replica: 'b', state: 'connected' });
    expect(a.endpoints()).toEqual([node]);
    expect(clock.now()).toBeGreaterThan(0);
  });

  it('a stream that is left on one side counts when that on the other ends', async () => {
    const { tables, a, b, pass } = await pair();
    await serving(a);
    b.registry.connected(1, proxy);
    await settled();
    b.registry.disconnected(1, node);
    await pass(60_000);
    expect(await tables.leases.get(node)).toMatchObject({ by: 'a' });
    expect(b.registry.get(node)).toMatchObject({ state: 'connected', replica: 'a' });
    expect([a.endpoints(), b.endpoints()]).toEqual([[node], [node]]);
  });

  it('refuse a name that another host, or another run, has on another replica', async () => {
    const { a, b } = await pair();
    await serving(a);
    expect(() => b.registry.admit({ ...candidate, holder: 'someone' })).toThrow(/another host's proxy/);
    expect(() => b.registry.admit({ ...candidate, run: 'r2' })).toThrow(/another proxy runs as/);
    expect(() => b.registry.checkHolder(node, 'someone')).toThrow(/another host's proxy/);
    expect(() => b.registry.left(node, 'r1', 'someone')).toThrow(/another host's proxy/);
    expect(() => b.registry.admit(candidate)).not.toThrow();
  });

  it('take a goodbye, and an eviction, for one another', async () => {
    const { a, b, pass } = await pair();
    await serving(a);
    b.registry.left(node, 'r1', 'h');
    expect(b.endpoints()).toEqual([]);
    await settled();
    expect(a.endpoints()).toEqual([]);
    a.registry.disconnected(1, node);
    // It drains, and may connect again, anywhere.
    b.registry.connected(2, proxy);
    b.registry.accepted(node);
    await pass(2000);
    expect([a.endpoints(), b.endpoints()]).toEqual([[], []]);
    b.registry.disconnected(2, node);
    await serving(b, 3, { ...proxy, run: 'r2' });
    expect([a.endpoints(), b.endpoints()]).toEqual([[node], [node]]);
    expect(a.registry.evict('h')).toEqual([node]);
    expect(a.endpoints()).toEqual([]);
  });

  it('that stop are gone at once, and their proxies are held', async () => {
    const { a, b } = await pair();
    await serving(a);
    await a.replicas.stop();
    a.registry.stop();
    await settled();
    expect(b.replicas.isAlive('a')).toBe(false);
    expect(b.registry.get(node)).toMatchObject({ state: 'held', ready: true });
  });
});
