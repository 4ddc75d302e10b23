// W comes and goes, and takes other names: each becomes an endpoint, which is a push to all callers, or a row for weeks, only now and then,
// and no other host waits for it. And a Service that is deleted while the control plane is down: its hosts are out once it is back.
import { expect, it } from 'vitest';
import { evictUnnamed } from '../../../src/control/evict-unnamed.ts';
import { createHosts } from '../../../src/control/hosts.ts';
import { createNodeRegistry } from '../../../src/identity/attestor/node-registry.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createOwnRegistry } from '../../../src/registry/own-registry.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { figure } from '../../support/figure.ts';
import { idOf } from '../../support/identity-harness.ts';
import { createMemoryAudit } from '../../support/memory-audit.ts';
import { createMemoryTable } from '../../support/memory-table.ts';

const [api, web] = [idOf('spiffe://td1/service/api'), idOf('spiffe://td1/service/web')];
const application = { address: '127.0.0.1', port: 80 };
const [minute, hour] = [60_000, 3_600_000];

function start() {
  const clock = createFakeClock();
  const pushes: string[] = [];
  const registry = createOwnRegistry({
    ...{ leases: createMemoryTable(), clock, log: silentLog, holdDownMs: 1000 },
    onChange: ({ node, endpoints }) => void (endpoints && pushes.push(node)),
  });
  let stream = 0;
  const come = (holder: string, node: string, port: number): number => {
    const candidate = {
      node,
      spiffeId: api,
      holder,
      inbound: { address: '10.0.0.1', port },
      application,
      peer: '10.0.0.1',
    };
    registry.admit(candidate);
    registry.connected(++stream, candidate);
    registry.accepted(node);
    return stream;
  };
  return { clock, registry, pushes, come };
}

it('an endpoint that flaps, at another port each time, is one ten times at once and then every ten seconds; it leaves at once', () => {
  const { clock, registry, pushes, come } = start();
  const node = `${api}~w`;
  // A stream that lives for two and a half seconds, and half a second of nothing, for an hour: 1,200 times.
  for (let at = 0; at < 1200; at++) {
    const stream = come('w', node, 1000 + at);
    clock.advance(2500);
    registry.disconnected(stream, node);
    clock.advance(500);
  }
  figure('pushesOfAFlappingEndpointInAnHour', pushes.length);
  // Both ways: it comes, and it goes.
  expect(pushes.length).toBeLessThan(2 * (10 + (1200 * 3000) / 10_000 + 1));
  expect(pushes.length).toBeGreaterThan(20);
  // The control: another host is one at once.
  come('v', `${api}~v`, 4000);
  expect(registry.get(`${api}~v`)).toMatchObject({ ready: true });
  // And W is one when it stays.
  come('w', node, 9);
  clock.advance(20_000);
  expect(registry.get(node)).toMatchObject({ ready: true });
});

it('new names are sixteen at once and then one a minute; those that are known come as they like', () => {
  const { clock, registry, come } = start();
  let taken = 0;
  for (let at = 0; at < 2000; at++) {
    const node = `${api}~n${at}`;
    try {
      registry.disconnected(come('w', node, 4000), node);
      taken++;
    } catch (reason) {
      expect(reason).toMatchObject({ code: 'resource_exhausted' });
    }
    clock.advance(1800);
  }
  figure('newNamesOfAHostInAnHour', taken);
  expect(taken).toBeLessThanOrEqual(16 + hour / minute + 1);
  expect(taken).toBeGreaterThan(16);
  // The controls: another host's, and its own that is there.
  come('v', `${api}~v`, 4000);
  expect(registry.get(`${api}~v`)).toBeDefined();
  clock.advance(minute);
  come('w', `${api}~stays`, 4000);
  for (let at = 0; at < 100; at++) come('w', `${api}~stays`, 4000);
});

it('a host that is thrown out and let in again has the name that it had, however often; a name of another host is new to it', () => {
  const { registry, come } = start();
  const node = `${api}~w`;
  for (let at = 0; at < 200; at++) {
    registry.disconnected(come('w', node, 4000), node);
    expect(registry.evict('w')).toEqual([node]);
  }
  const others = Array.from({ length: 40 }, (_, at) => `${api}~v${at}`);
  let taken = 0;
  for (const other of others) {
    try {
      registry.disconnected(come('v', other, 4000), other);
      taken++;
    } catch (reason) {
      expect(reason).toMatchObject({ code: 'resource_exhausted' });
    }
    registry.evict('v');
  }
  expect(taken).toBe(16);
  for (const other of others.slice(0, 16)) {
    expect(() => registry.admit({ node: other, spiffeId: api, holder: 'x', peer: '127.0.0.1' })).not.toThrow();
  }
  expect(() => registry.admit({ node, spiffeId: api, holder: 'x', peer: '127.0.0.1' })).toThrow('too many proxies');
});

it('what is deleted while the control plane is down is found a minute after its start, and its hosts are evicted; no others', async () => {
  const clock = createFakeClock();
  const [kept, evicted, leases] = [createMemoryTable(), createMemoryTable(), createMemoryTable()];
  const before = createNodeRegistry({ nodes: kept, evicted, clock });
  await before.remember('a'.repeat(64), api);
  await before.remember('b'.repeat(64), web);

  const nodes = createNodeRegistry({ nodes: kept, evicted, clock });
  await nodes.restore();
  const registry = createOwnRegistry({ leases, clock, log: silentLog, onChange: () => undefined });
  const audit = createMemoryAudit(clock);
  const hosts = createHosts({
    nodes,
    registry,
    issuer: { issued: async () => [] },
    ended: () => undefined,
    disconnect: () => undefined,
  });
  const documents: { api: boolean | undefined } = { api: undefined };
  const unnamed = evictUnnamed({
    hosts,
    audit,
    clock,
    log: silentLog,
    knows: (id) => (id === api ? documents.api : true),
  });
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  documents.api = false;
  clock.advance(59_000);
  await settle();
  expect(nodes.isEvicted('a'.repeat(64))).toBe(false);
  clock.advance(2000);
  await expect.poll(() => nodes.isEvicted('a'.repeat(64))).toBe(true);
  await settle();
  expect(nodes.isEvicted('b'.repeat(64))).toBe(false);
  expect((await audit.read(10)).records.map(({ event }) => event)).toEqual([
    { kind: 'host-evicted', author: 'documents', nodeKey: 'a'.repeat(64) },
  ]);
  // Applied again, it is somebody else's.
  documents.api = true;
  unnamed.changed({ gone: [], added: [api], templates: false });
  await settle();
  expect(() => nodes.check('a'.repeat(64))).toThrow(/evicted/);
  unnamed.close();
});

it('where the documents are not known yet, nobody is evicted', async () => {
  const clock = createFakeClock();
  const nodes = createNodeRegistry({ nodes: createMemoryTable(), evicted: createMemoryTable(), clock });
  await nodes.remember('a'.repeat(64), api);
  const registry = createOwnRegistry({ leases: createMemoryTable(), clock, log: silentLog, onChange: () => undefined });
  const hosts = createHosts({
    nodes,
    registry,
    issuer: { issued: async () => [] },
    ended: () => undefined,
    disconnect: () => undefined,
  });
  const unnamed = evictUnnamed({
    hosts,
    audit: createMemoryAudit(clock),
    clock,
    log: silentLog,
    knows: () => undefined,
  });
  clock.advance(hour);
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  expect(nodes.isEvicted('a'.repeat(64))).toBe(false);
  unnamed.close();
});
