// What is known of hosts: as this version keeps it, as earlier ones did, and what it means for the node key that returns.
import { expect, it } from 'vitest';
import { createNodeKeyAttestor } from '../../src/identity/attestor/node-key.ts';
import { createNodeRegistry } from '../../src/identity/attestor/node-registry.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import type { Json } from '../../src/lib/table.ts';
import { type Evidence, tokenEvidence } from '../../src/model/evidence.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { idOf } from '../support/identity-harness.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const api = idOf('spiffe://td1/service/api');

function setUp() {
  const entries = new Map<string, Json>();
  const clock = createFakeClock();
  return {
    entries,
    clock,
    nodes: createNodeRegistry({ nodes: createMemoryTable(entries), evicted: createMemoryTable(), clock }),
  };
}

it.each([
  ['the first version', api],
  ['the one before', { spiffeId: api, seenAt: 5 }],
])('a host of %s keeps its identity', async (_which, kept) => {
  const { entries, nodes, clock } = setUp();
  entries.set('a', kept);
  expect(await nodes.find('a')).toMatchObject({ spiffeId: api, evidence: tokenEvidence(api) });
  const again = createNodeKeyAttestor({ nodes, clock });
  expect(await again.attest({}, { nodeKey: 'a' })).toEqual(tokenEvidence(api));
});

it('one that joined with a token is kept as the version before reads it', async () => {
  const { entries, nodes, clock } = setUp();
  await nodes.remember('a', api, tokenEvidence(api));
  expect(entries.get('a')).toEqual({ spiffeId: api, seenAt: clock.now() });
  await nodes.remember('a', api);
  expect(entries.get('a')).toEqual({ spiffeId: api, seenAt: clock.now() });
});

it.each([
  [{ attestor: 'gone', values: { a: 'b' } }],
  [{ attestor: 7, values: {} }],
  [{ attestor: 'join-token' }],
  [{ attestor: 'join-token', values: 'x' }],
  [{ attestor: 'join-token', values: {}, notAfter: 'never' }],
])('what proves nothing that can be read is not known: %j', async (proved) => {
  const { entries, nodes } = setUp();
  entries.set('a', { spiffeId: api, seenAt: 5, ...proved });
  expect(await nodes.find('a')).toBeUndefined();
});

it('evidence that has ended proves nothing to who returns with its key', async () => {
  const clock = createFakeClock();
  const evidence: Evidence = { ...tokenEvidence(api), notAfter: clock.now() + 1000 };
  const find = async () => ({ nodeKey: 'a', spiffeId: api, seenAt: 0, evidence });
  const attestor = createNodeKeyAttestor({ nodes: { find }, clock });
  expect(await attestor.attest({}, { nodeKey: 'a' })).toEqual(evidence);
  clock.advance(1000);
  await expect(attestor.attest({}, { nodeKey: 'a' })).rejects.toMatchObject({ code: 'unauthenticated' });
});

it('one that another replica evicted gets nothing here either, and is out, even if nobody was told', async () => {
  const [shared, kept] = [new Map<string, Json>(), new Map<string, Json>()];
  const clock = createFakeClock();
  const open = () =>
    createNodeRegistry({
      nodes: createMemoryTable(kept),
      evicted: { ...createMemoryTable(shared), watch: () => () => {} },
      clock,
    });
  const [here, there] = [open(), open()];
  await here.restore();
  const told: string[] = [];
  here.onEvicted((nodeKey) => told.push(nodeKey));
  await here.remember('a', api, tokenEvidence(api));
  await there.evict('a');
  kept.set('a', { spiffeId: api, seenAt: 5 });
  await expect(here.remember('a', api)).rejects.toMatchObject({ code: 'failed_precondition' });
  expect([told, here.isEvicted('a')]).toEqual([['a'], true]);
});

it('one is remembered while nobody can be asked who was evicted', async () => {
  const away = async (): Promise<never> => {
    throw new CellwallError('unavailable', 'away');
  };
  const clock = createFakeClock();
  const nodes = createNodeRegistry({
    nodes: createMemoryTable(),
    evicted: { ...createMemoryTable(), get: away },
    clock,
  });
  await nodes.remember('a', api);
  expect(await nodes.find('a')).toMatchObject({ spiffeId: api });
});

it('a host is forgotten an hour after what it joined with has ended, one that joined for good after 400 days', async () => {
  const table = createMemoryTable();
  const lives: (number | undefined)[] = [];
  const counted: typeof table = {
    ...table,
    set(key, value, options) {
      lives.push(options?.ttlMs);
      return table.set(key, value, options);
    },
  };
  const clock = createFakeClock();
  const nodes = createNodeRegistry({ nodes: counted, evicted: createMemoryTable(), clock });
  const minutes = 60_000;
  await nodes.remember('a', api, { attestor: 'gitlab-id-token', values: {}, notAfter: clock.now() + 10 * minutes });
  await nodes.remember('a', api);
  await nodes.remember('b', api, tokenEvidence(api));
  expect(lives).toEqual([70 * minutes, 70 * minutes, 400 * 24 * 60 * minutes]);
});

it('what a key was for ends, at every control plane and over a restart, for as long as it matters', async () => {
  const evicted = new Map<string, Json>();
  const table = createMemoryTable(evicted);
  const clock = createFakeClock();
  const open = () => createNodeRegistry({ nodes: createMemoryTable(), evicted: table, clock });
  const [one, other] = [open(), open()];
  await Promise.all([one.restore(), other.restore()]);
  const told: string[] = [];
  for (const nodes of [one, other]) nodes.onEvicted((key) => told.push(key));
  await one.remember('a', api);
  await one.end('a', clock.now() + 1000);
  await one.end('a', clock.now() + 1000);
  expect(told).toEqual(['a', 'a']);
  const later = open();
  await later.restore();
  for (const nodes of [one, other, later]) {
    expect(nodes.isEvicted('a')).toBe(true);
    expect(await nodes.find('a')).toBeUndefined();
    expect(() => nodes.check('a')).toThrow('what this SVID was for has ended');
    await expect(nodes.remember('a', api)).rejects.toThrow('ended');
  }
  // An operator's word is for good.
  await one.evict('b');
  await one.end('b', clock.now() + 1000);
  const last = open();
  await last.restore();
  expect(() => last.check('b')).toThrow('evicted');
});

it('of keys that ended long ago nothing is kept, however many there are', async () => {
  const clock = createFakeClock();
  const nodes = createNodeRegistry({ nodes: createMemoryTable(), evicted: createMemoryTable(), clock });
  for (let at = 0; at < 2500; at += 1) {
    await nodes.end(`old-${at}`, clock.now() + 1000);
    if (at === 900) clock.advance(5000);
  }
  expect(nodes.isEvicted('old-0')).toBe(false);
  expect(nodes.isEvicted('old-2400')).toBe(true);
});
