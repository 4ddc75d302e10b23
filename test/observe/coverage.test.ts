// The record's gaps that Envoy's counters show: kept through restarts, bounded, and beside those in which a proxy was away.
import { expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import type { Json } from '../../src/lib/table.ts';
import { createCoverage } from '../../src/observe/coverage.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const node = 'spiffe://td1/service/api~a';
const lost = (counted: number, told: number) => ({ what: 'requests' as const, counted, told });

function start(entries = new Map<string, Json>(), clock = createFakeClock()) {
  const coverage = createCoverage({ table: createMemoryTable(entries), clock, log: silentLog });
  return { coverage, clock, entries };
}

it('are told with what was missing, also after a restart, and of a proxy that ended', async () => {
  const { coverage, clock, entries } = start();
  coverage.connected(node, 'api');
  const from = clock.now();
  coverage.missing(node, from, from + 10, lost(120, 100));
  coverage.missing('spiffe://td1/service/other~a', from, from + 10, lost(1, 0));
  const gap = { node, from, to: from + 10, missing: lost(120, 100) };
  expect(coverage.of('api', 0).gaps).toEqual([gap]);
  expect(coverage.of('api', from + 11).gaps).toEqual([]);
  await coverage.flush();
  const next = start(entries, clock).coverage;
  await next.restore();
  next.connected(node, 'api');
  expect(next.of('api', 0).gaps).toEqual([gap, { node, from: clock.now(), to: clock.now() }]);
  next.disconnected(node);
  next.gone(node);
  expect(next.of('api', 0).gaps).toEqual([gap]);
});

it('are one while they go on, so that a log that fails all day does not push out the others', () => {
  const { coverage } = start();
  coverage.connected(node, 'api');
  for (let at = 0; at < 1000; at += 10) coverage.missing(node, at, at + 10, lost(5, 3));
  expect(coverage.of('api', 0).gaps).toEqual([{ node, from: 0, to: 1000, missing: lost(500, 300) }]);
  coverage.missing(node, 2000, 2010, lost(1, 0));
  coverage.missing(node, 2000, 2010, { what: 'log entries', counted: 1, told: 0 });
  expect(coverage.of('api', 0).gaps).toHaveLength(3);
  for (let at = 10_000; at < 20_000; at += 100) coverage.missing(node, at, at + 10, lost(1, 0));
  expect(coverage.of('api', 0).gaps.length).toBeLessThanOrEqual(50);
});

it('leave a gap that is open as it is: the proxy is still away', () => {
  const { coverage, clock } = start();
  coverage.connected(node, 'api');
  coverage.disconnected(node);
  coverage.missing(node, clock.now() - 100, clock.now(), lost(2, 1));
  const open = { node, from: clock.now() - 15_000 };
  expect(coverage.of('api', 0).gaps).toEqual([
    { node, from: clock.now() - 100, to: clock.now(), missing: lost(2, 1) },
    open,
  ]);
  coverage.connected(node, 'api');
  expect(coverage.of('api', 0).gaps.at(-1)).toEqual({ ...open, to: clock.now() });
});

it('tells which proxies are there', () => {
  const { coverage } = start();
  coverage.connected(node, 'api');
  expect(coverage.present('api')).toEqual([node]);
  coverage.disconnected(node);
  expect(coverage.present('api')).toEqual([]);
});

it('are read within bounds; what is beyond makes all before it unknown, also after the next restart', async () => {
  const { entries, clock } = start();
  const rows = Array.from(
    { length: 50 },
    (_, at) =>
      [`spiffe://td1/service/api~n${at}`, { service: 'api', since: 5, goneAt: clock.now(), gaps: [] }] as const,
  );
  for (const [key, value] of rows) entries.set(key, value);
  const of = async (options: { readonly maxRows?: number; readonly maxBytes?: number }) => {
    const coverage = createCoverage({ table: createMemoryTable(entries), clock, log: silentLog, ...options });
    await coverage.restore();
    return coverage;
  };
  // The control: within them all is as it was.
  expect((await of({})).of('api', 0)).toMatchObject({ since: 5, gone: { length: 50 } });
  const cutAt = clock.now();
  const cut = await of({ maxRows: 10 });
  expect(cut.of('api', 0)).toMatchObject({ since: cutAt, gone: { length: 10 } });
  // Of a service whose rows all went.
  expect(cut.of('other', 0).since).toBe(cutAt);
  clock.advance(1000);
  expect(entries.size).toBe(11);
  expect((await of({})).of('api', 0).since).toBe(cutAt);
  clock.advance(1000);
  expect((await of({ maxBytes: 100 })).of('api', 0).since).toBe(cutAt + 2000);
});

it('say of each port since when a proxy stands before it, also after a restart, until documents have it no more', async () => {
  const { coverage, clock, entries } = start();
  coverage.connected(node, 'api');
  const first = clock.now();
  const all = () => true;
  coverage.serves(new Set(['api:grpc', 'other:grpc']), all);
  clock.advance(1000);
  const second = clock.now();
  // A port that comes later begins later, and renews no other.
  coverage.serves(new Set(['api:grpc', 'api:rest']), all);
  const both = [
    { name: 'grpc', since: first },
    { name: 'rest', since: second },
  ];
  expect(coverage.of('api', 0)).toMatchObject({ since: first, ports: both });
  clock.advance(1000);
  // A proxy that went is no reason to forget its port; a document is.
  coverage.serves(new Set(['api:grpc']), all);
  expect(coverage.of('api', 0).ports).toEqual(both);
  await coverage.flush();
  const next = start(entries, clock).coverage;
  await next.restore();
  expect(next.of('api', 0).ports).toEqual(both);
  next.serves(new Set(['api:rest']), (key) => key !== 'api:grpc');
  expect(next.of('api', 0).ports).toEqual([both[1]]);
  next.serves(new Set(['api:grpc', 'api:rest']), all);
  expect(next.of('api', 0).ports).toEqual(expect.arrayContaining([both[1], { name: 'grpc', since: clock.now() }]));
});
