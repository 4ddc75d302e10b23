// Questions that replicas ask one another, and what the admin API makes of the answers.
import { describe, expect, it } from 'vitest';
import { createAuditEverywhere } from '../../src/admin/audit-everywhere.ts';
import {
  createEdgeEverywhere,
  createProxiesEverywhere,
  createRefusalsEverywhere,
  type OtherReplicas,
} from '../../src/admin/everywhere.ts';
import { createRotateEverywhere } from '../../src/admin/rotate-everywhere.ts';
import type { ProxyRow } from '../../src/admin/wire-proxies.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Json } from '../../src/lib/table.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import { createRefusals } from '../../src/observe/refusals.ts';
import { createAskReplicas } from '../../src/registry/ask-replicas.ts';
import { createMemoryTable } from '../../src/store/memory-table.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function start(ids: readonly string[], dead: readonly string[] = []) {
  const clock = createFakeClock();
  const [questions, answers] = [createMemoryTable(clock), createMemoryTable(clock)];
  const list = () => ids.map((id) => ({ id, alive: !dead.includes(id), about: {} }));
  const open = (id: string): OtherReplicas => {
    const replicas = { id, list: () => list().toSorted((one) => (one.id === id ? -1 : 0)) };
    return { ...replicas, ...createAskReplicas({ questions, answers, replicas, clock, log: silentLog }) };
  };
  return { clock, open };
}

const row = (node: string, extra: Partial<ProxyRow> = {}): ProxyRow => ({
  ...{ node, spiffeId: 'spiffe://td/a', state: 'connected', since: 1, ready: true, types: [] },
  ...extra,
});
const typed = { types: [{ typeUrl: 't', ackedRevision: 7 }] };

describe('a question to the other replicas', () => {
  it('is answered by each that runs, in one piece however large', async () => {
    const { open } = start(['a', 'b', 'c']);
    const [a, b, c] = [open('a'), open('b'), open('c')];
    const large: readonly Json[] = Array.from({ length: 30 }, (_, index) => `${index} `.repeat(40_000));
    b.answer('what', (question) => [question, ...large]);
    c.answer('what', () => []);
    a.answer('what', () => ['not asked']);
    const found = await a.ask('what', { q: 1 });
    expect([...found.keys()].toSorted()).toEqual(['b', 'c']);
    expect(found.get('b')).toEqual([{ q: 1 }, ...large]);
  });

  it('waits for nobody for long, and not at all for who is gone', async () => {
    const { clock, open } = start(['a', 'b', 'gone'], ['gone']);
    const [a, b] = [open('a'), open('b')];
    b.answer('what', () => [1]);
    expect([...(await a.ask('what', null)).keys()]).toEqual(['b']);
    const silent = a.ask('never heard of', null);
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1500);
    expect(await silent).toEqual(new Map());
  });
});

describe('everywhere', () => {
  it('a proxy is shown as the one that has its stream knows it, and with its place', async () => {
    const { open } = start(['a', 'b']);
    const a = createProxiesEverywhere(open('a'), async () => [
      row('1', typed),
      row('2', { replica: 'b' }),
      row('3', { replica: 'c' }),
    ]);
    createProxiesEverywhere(open('b'), async () => [row('1', { replica: 'a' }), row('2', typed)]);
    expect(await a()).toEqual([
      row('1', { ...typed, replica: 'a' }),
      row('2', { ...typed, replica: 'b' }),
      row('3', { replica: 'c' }),
    ]);
    const alone = createProxiesEverywhere(undefined, async () => [row('1')]);
    expect(await alone()).toEqual([row('1')]);
  });

  it('what is known of an edge is what all were told, the newest first, and who did not say is named', async () => {
    const { clock, open } = start(['a', 'b', 'gone'], ['gone']);
    const told = [createRefusals({ clock }), createRefusals({ clock })] as const;
    const [a] = [createEdgeEverywhere(open('a'), told[0].about), createEdgeEverywhere(open('b'), told[1].about)];
    const denied = { kind: 'denied', service: 'api', node: 'n', path: '/', caller: 'mtls', principal: 'web' } as const;
    told[0].record({ ...denied, requestId: '1' });
    clock.advance(1);
    told[1].record({ ...denied, requestId: '2' });
    const { refusals, silent } = await a({ service: 'api', caller: 'web' });
    expect(refusals.map(({ requestId }) => requestId)).toEqual(['2', '1']);
    expect(silent).toEqual(['gone']);
    const alone = createEdgeEverywhere(undefined, told[0].about);
    expect(await alone({ service: 'api', caller: 'web' })).toMatchObject({
      refusals: [{ requestId: '1' }],
      silent: [],
    });
  });

  it('a refusal is found by its id, whoever was told; an id that a proxy made counts more than what callers chose', async () => {
    const { clock, open } = start(['a', 'b']);
    const told = [createRefusals({ clock }), createRefusals({ clock })] as const;
    const [a] = [createRefusalsEverywhere(open('a'), told[0].find), createRefusalsEverywhere(open('b'), told[1].find)];
    const denied = {
      ...({ kind: 'denied', service: 'api', node: 'n', path: '/', caller: 'mtls' } as const),
      requestId: 'made-by-b',
    };
    told[1].record(denied);
    told[0].record({ ...denied, requestId: 'other', tracedAs: 'made-by-b' });
    expect(await a('made-by-b')).toMatchObject({ by: 'proxy', refusals: [{ requestId: 'made-by-b' }] });
    expect(await a('other')).toMatchObject({ by: 'proxy', refusals: [{ requestId: 'other' }] });
    expect(await a('none')).toEqual({ by: 'caller', refusals: [] });
  });

  it('certificates are renewed at all, those of one identity or everything, and who does not answer is named', async () => {
    const { clock, open } = start(['a', 'b', 'c']);
    const asked: unknown[] = [];
    const own = (count: number) => async (spiffeId?: string) => {
      asked.push(spiffeId ?? 'all');
      return count;
    };
    const a = createRotateEverywhere(open('a'), own(1));
    createRotateEverywhere(open('b'), own(2));
    createRotateEverywhere(open('c'), () => Promise.reject(new Error('it is starting')));
    const id = parseSpiffeId('spiffe://td/a');
    for (const which of [undefined, id]) {
      const rotated = a(which);
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      clock.advance(15_000);
      expect(await rotated).toEqual({ rotated: 3, silent: ['c'] });
    }
    expect(asked).toEqual(['all', 'all', id, id]);
    expect(await createRotateEverywhere(undefined, own(4))()).toEqual({ rotated: 4 });
  });

  it('a question that names no identity renews nothing', async () => {
    const { open } = start(['a', 'b']);
    const [a, b] = [open('a'), open('b')];
    createRotateEverywhere(b, async () => 7);
    expect((await a.ask('rotate', 'no identity')).get('b')).toEqual([0]);
  });

  it('the audit log is one view of all chains, and says whose is broken and who did not answer', async () => {
    const { clock, open } = start(['a', 'b', 'c']);
    const record = (number: number, time: string) => ({ number, time, event: { kind: 'x' }, hash: 'h' });
    const a = createAuditEverywhere(open('a'), async () => ({
      records: [record(1, '2026-01-01'), record(2, '2026-01-03')],
    }));
    createAuditEverywhere(open('b'), async () => ({
      brokenAt: 7,
      records: [record(1, '2026-01-02'), record(2, '2026-01-04')],
    }));
    const asked = a(3);
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(15_000);
    expect(await asked).toEqual({
      ...{ intact: false, broken: [{ replica: 'b', line: 7 }], silent: ['c'] },
      records: [
        { ...record(1, '2026-01-02'), replica: 'b' },
        { ...record(2, '2026-01-03'), replica: 'a' },
        { ...record(2, '2026-01-04'), replica: 'b' },
      ],
    });
    const others = { id: 'a', list: () => ['a', 'gone'].map((id) => ({ id, alive: id === 'a', about: {} })) };
    const left = createAuditEverywhere({ ...others, ask: async () => new Map(), answer() {} }, async () => ({
      records: [record(1, '2026-01-01')],
    }));
    expect((await left(5)).silent).toEqual(['gone']);
    const alone = createAuditEverywhere(undefined, async () => ({ records: [record(1, '2026-01-01')] }));
    expect(await alone(5)).toEqual({ intact: true, records: [record(1, '2026-01-01')] });
  });
});
