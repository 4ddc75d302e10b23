import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import type { Json } from '../../src/lib/table.ts';
import { parseSpiffeId, type SpiffeId } from '../../src/model/spiffe-id.ts';
import { createOwnRegistry } from '../../src/registry/own-registry.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const id = parseSpiffeId('spiffe://td/cell/cell-1/service/api') as SpiffeId;
const node = `${id}~a`;
const inbound = { address: '10.0.0.1', port: 8443 };
const application = { address: '127.0.0.1', port: 80 };

function start(leases = new Map<string, Json>()) {
  const clock = createFakeClock();
  const changes: { node: string; endpoints: boolean }[] = [];
  const registry = createOwnRegistry({
    leases: createMemoryTable(leases),
    clock,
    log: silentLog,
    holdDownMs: 1000,
    maxInstances: 2,
    onChange: (change) => changes.push(change),
  });
  return { clock, changes, registry, leases };
}

describe('the registry', () => {
  it('makes a proxy an endpoint only once it accepted what it was served', () => {
    const { registry, changes } = start();
    registry.connected(1, { node, spiffeId: id, inbound, application });
    expect(registry.get(node)).toMatchObject({ state: 'connected', ready: false });
    registry.accepted(node);
    expect(registry.get(node)).toMatchObject({ ready: true });
    expect(changes).toEqual([
      { node, endpoints: false },
      { node, endpoints: true },
    ]);
  });

  it('has no more proxies of one identity than a service may have, gone ones among them until they are', () => {
    const { registry, clock } = start();
    const other = 'spiffe://td/service/web' as SpiffeId;
    for (const instance of ['a', 'b']) {
      registry.admit({ node: `${id}~${instance}`, spiffeId: id, inbound, application, peer: '10.0.0.1' });
      registry.connected(1, { node: `${id}~${instance}`, spiffeId: id, inbound, application });
    }
    const third = (): void => registry.admit({ node: `${id}~c`, spiffeId: id, peer: '10.0.0.1' });
    expect(third).toThrow(/there are 2 proxies/);
    expect(() => registry.admit({ node, spiffeId: id, inbound, application, peer: '10.0.0.1' })).not.toThrow();
    expect(() => registry.admit({ node: `${other}~a`, spiffeId: other, peer: '10.0.0.1' })).not.toThrow();
    registry.disconnected(1, node);
    expect(third).toThrow(/there are 2 proxies/);
    clock.advance(1001);
    expect(third).not.toThrow();
  });

  it('keeps a proxy whose stream ended for the hold-down, then lets it go', () => {
    const { registry, clock, changes } = start();
    registry.connected(1, { node, spiffeId: id, inbound, application });
    registry.accepted(node);
    registry.disconnected(1, node);
    clock.advance(999);
    expect(registry.get(node)).toMatchObject({ state: 'held', ready: true });
    clock.advance(1);
    expect(registry.get(node)).toBeUndefined();
    expect(changes.at(-1)).toEqual({ node, endpoints: true });
  });

  it('takes a proxy that returns within the hold-down as the endpoint it was, without a change of endpoints', () => {
    const { registry, clock, changes } = start();
    registry.connected(1, { node, spiffeId: id, inbound, application });
    registry.accepted(node);
    registry.disconnected(1, node);
    clock.advance(500);
    registry.connected(1, { node, spiffeId: id, inbound, application });
    clock.advance(5000);
    expect(registry.get(node)).toMatchObject({ state: 'connected', ready: true });
    expect(changes.slice(2).every(({ endpoints }) => !endpoints)).toBe(true);
  });

  it('wants a proxy that moved to accept anew', () => {
    const { registry } = start();
    registry.connected(1, { node, spiffeId: id, inbound, application });
    registry.accepted(node);
    registry.disconnected(1, node);
    registry.connected(1, { node, spiffeId: id, inbound: { ...inbound, port: 8444 }, application });
    expect(registry.get(node)).toMatchObject({ ready: false });
  });

  it('counts streams: the end of one of two changes nothing', () => {
    const { registry } = start();
    registry.connected(1, { node, spiffeId: id, inbound, application });
    registry.connected(2, { node, spiffeId: id, inbound, application });
    registry.disconnected(2, node);
    expect(registry.get(node)).toMatchObject({ state: 'connected' });
    registry.disconnected(1, node);
    expect(registry.get(node)).toMatchObject({ state: 'held' });
  });

  it('outlives the process: leases come back held, and go when their proxies do not', async () => {
    const first = start();
    first.registry.connected(1, { node, spiffeId: id, inbound, application });
    first.registry.accepted(node);
    const second = start(first.leases);
    await second.registry.restore();
    expect(second.registry.proxies()).toMatchObject([
      { node, spiffeId: id, inbound, application, state: 'held', ready: true },
    ]);
    second.clock.advance(1000);
    expect(second.registry.proxies()).toEqual([]);
    // It is missed for a week, over restarts, or until it is back.
    const third = start(first.leases);
    await third.registry.restore();
    expect(third.registry.proxies()).toEqual([]);
    expect(third.registry.away()).toMatchObject([{ node, inbound }]);
    third.registry.connected(1, { node, spiffeId: id, inbound, application });
    expect(third.registry.away()).toEqual([]);
    second.clock.advance(8 * 86_400_000);
    expect(second.registry.away()).toEqual([]);
  });

  it('ignores a lease that cannot be read', async () => {
    const { registry } = start(new Map<string, Json>([[node, { spiffeId: 7 }]]));
    await registry.restore();
    expect(registry.proxies()).toEqual([]);
  });
});

describe('a proxy that says goodbye', () => {
  const proxy = { node, spiffeId: id, inbound, application, run: 'r1' };

  it('is no endpoint at once, whatever it accepts after that, and gone with its stream', () => {
    const { registry, changes } = start();
    registry.connected(1, proxy);
    registry.accepted(node);
    registry.left(node, 'r1');
    expect(registry.get(node)).toMatchObject({ state: 'connected', ready: false });
    expect(changes.at(-1)).toEqual({ node, endpoints: true });
    registry.accepted(node);
    registry.left(node, 'r1');
    expect(registry.get(node)).toMatchObject({ ready: false });
    expect(changes).toHaveLength(3);
    registry.disconnected(1, node);
    expect(registry.get(node)).toBeUndefined();
  });

  it('while its stream is down is gone at once, and no endpoint when the stream comes back in the drain', () => {
    const { registry, changes, leases } = start();
    registry.connected(1, proxy);
    registry.accepted(node);
    registry.disconnected(1, node);
    registry.left(node, 'r1');
    expect(registry.get(node)).toBeUndefined();
    expect(changes.at(-1)).toEqual({ node, endpoints: true });
    registry.connected(1, proxy);
    registry.accepted(node);
    expect(registry.get(node)).toMatchObject({ ready: false });
    registry.disconnected(1, node);
    expect(registry.get(node)).toBeUndefined();
    expect(leases.get(node)).toMatchObject({ left: true });
  });

  it('is not revived by a restart of the control plane, not even if it is still draining then', async () => {
    const first = start();
    first.registry.connected(1, proxy);
    first.registry.accepted(node);
    first.registry.left(node, 'r1');
    const second = start(first.leases);
    await second.registry.restore();
    expect(second.registry.proxies()).toEqual([]);
    second.registry.connected(1, proxy);
    second.registry.accepted(node);
    expect(second.registry.get(node)).toMatchObject({ ready: false });
    second.registry.disconnected(1, node);
    second.clock.advance(3_600_000);
    expect(first.leases.size).toBe(0);
  });

  it('is an endpoint again when it is started again, also after a restart of the control plane', async () => {
    const first = start();
    first.registry.connected(1, proxy);
    first.registry.accepted(node);
    first.registry.left(node, 'r1');
    // Its stream ends only after the next one has begun.
    first.registry.connected(2, { ...proxy, run: 'r2' });
    first.registry.disconnected(1, node);
    first.registry.accepted(node);
    expect(first.registry.get(node)).toMatchObject({ ready: true });
    first.clock.advance(3_600_000);
    const second = start(first.leases);
    await second.registry.restore();
    expect(second.registry.proxies()).toMatchObject([{ node, state: 'held', ready: true }]);
    second.registry.left(node, 'r2');
    expect(second.registry.proxies()).toEqual([]);
  });

  it('cannot be sent away by another of its identity, which does not know its run', () => {
    const { registry, leases } = start();
    registry.connected(1, proxy);
    registry.accepted(node);
    const lease = leases.get(node);
    registry.left(node, 'r2');
    expect(registry.get(node)).toMatchObject({ ready: true });
    expect(leases.get(node)).toEqual(lease);
  });

  it('before it has connected never becomes an endpoint', () => {
    const { registry } = start();
    registry.left(node, 'r1');
    registry.connected(1, proxy);
    registry.accepted(node);
    expect(registry.get(node)).toMatchObject({ ready: false });
  });
});

it('keeps a proxy that was killed, and whose next run takes over, an endpoint all the while', () => {
  const { registry, changes } = start();
  registry.connected(1, { node, spiffeId: id, inbound, application, run: 'r1' });
  registry.accepted(node);
  registry.disconnected(1, node);
  expect(registry.get(node)).toMatchObject({ state: 'held', ready: true });
  registry.connected(1, { node, spiffeId: id, inbound, application, run: 'r2' });
  expect(registry.get(node)).toMatchObject({ state: 'connected', ready: true });
  expect(changes.slice(2).every(({ endpoints }) => !endpoints)).toBe(true);
});
