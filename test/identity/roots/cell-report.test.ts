// What a cell's control plane and its parent tell each other of a rotation of the root: whatever arrives is read, or is none.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type CellReport,
  mostNamedOfCell,
  readCellReport,
  readSeenCell,
  writeCellReport,
} from '../../../src/identity/roots/cell-report.ts';
import { type HoldUp, holdUpKinds } from '../../../src/identity/roots/hold-up.ts';
import { advance, begin, firstRecord } from '../../../src/identity/roots/roots-record.ts';
import { readToldRoots, writeToldRoots } from '../../../src/identity/roots/told-roots.ts';
import type { SeenFollower } from '../../../src/identity-api/follow-routes.ts';
import { maxBodyBytes } from '../../../src/identity-api/identity-protocol.ts';
import { createCellReports, reportCountsMs } from '../../../src/serve/cell-reports.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { testRoot } from '../../support/test-bundle.ts';
import '../../support/seed.ts';

const report: CellReport = { version: 3, roots: ['r'], issuers: ['i'], held: 0, holdUps: [] };
const over = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const holdUp: fc.Arbitrary<HoldUp> = fc.record({
  kind: fc.constantFrom(...holdUpKinds),
  who: fc.string({ maxLength: 2000 }),
  why: fc.string({ maxLength: 2000 }),
});

it('arrives as it was written, the first of whom it names, in a body that is taken', () => {
  fc.assert(
    fc.property(fc.array(holdUp, { maxLength: 30 }), fc.nat(100), (holdUps, more) => {
      const held = holdUps.length + more;
      const written = writeCellReport({ ...report, held, holdUps, issuers: Array.from({ length: 200 }, String) });
      expect(Buffer.byteLength(JSON.stringify(written))).toBeLessThan(maxBodyBytes);
      const read = readCellReport(over(written));
      expect(read).toEqual(written);
      expect(read?.holdUps).toHaveLength(Math.min(mostNamedOfCell, holdUps.length));
      expect(read?.issuers).toHaveLength(64);
    }),
  );
});

it.each<[string, unknown]>([
  ['nothing', undefined],
  ['a list', []],
  ['no version', { ...report, version: undefined }],
  ['a count below zero', { ...report, held: -1 }],
  ['a count that is none', { ...report, held: 'none' }],
  ['another kind', { ...report, holdUps: [{ kind: 'king', who: 'a', why: 'b' }] }],
  ['too many names', { ...report, holdUps: Array.from({ length: 11 }, () => ({ kind: 'proxy', who: 'a', why: 'b' })) }],
  ['too many issuers', { ...report, issuers: Array.from({ length: 65 }, String) }],
  ['a name of a root that is none', { ...report, roots: ['r'.repeat(65)] }],
])('is none with %s', (_what, value) => {
  expect(readCellReport(value)).toBeUndefined();
});

it('counts whoever it names as one that holds it up', () => {
  const read = readCellReport({ ...report, holdUps: [{ kind: 'proxy', who: 'a', why: 'b' }] });
  expect(read?.held).toBe(1);
});

it('is read from another control plane, or is none', () => {
  const seen = { cell: 'cell-1', follower: 'f', connected: true, takesPart: true, report, ageMs: 5 };
  expect(readSeenCell(over(seen))).toEqual(seen);
  expect(readSeenCell({ ...seen, report: {} })).toBeUndefined();
  fc.assert(fc.property(fc.anything(), (value) => void readSeenCell(value)));
});

it('tells the state of the roots without what is over, and takes nothing else for it', async () => {
  const [first, second] = [await testRoot(), await testRoot()];
  let record = begin(firstRecord(first), { id: '0123456789abcdef', startedAt: 1, by: 'ann', quietMs: 5 });
  while (record.rotation?.phase !== 'remove') record = advance(record, { now: 1, successor: second, cut: ['bob'] });
  const told = { record, issuers: new Map([['td1 issuer 1', ['r1', 'r2']]]) };
  const read = readToldRoots(over(writeToldRoots(told)));
  expect(read).toEqual({ ...told, record: { ...record, removed: [], rotation: expect.anything() } });
  expect(read.record.rotation).toMatchObject({ phase: 'remove', quietMs: 5 });
  expect(read.record.rotation?.cut).toBeUndefined();
  const started = firstRecord(first);
  expect(readToldRoots(over(writeToldRoots({ record: started, issuers: new Map() }))).record).toEqual(started);
  for (const value of [undefined, {}, { record: [] }, { record: { version: 1, roots: [{}], removed: [] } }]) {
    expect(() => readToldRoots(value)).toThrow();
  }
  fc.assert(
    fc.property(fc.anything(), (value) => {
      try {
        readToldRoots({ record: value, issuers: value });
      } catch {
        // It is none.
      }
    }),
  );
});

it('keeps the last report of each control plane for as long as it counts, of no more than there are', () => {
  const clock = createFakeClock();
  const reports = createCellReports(clock);
  const following: SeenFollower = { cell: 'cell-1', address: 'a', since: 0, follower: 'f', takesPart: true };
  const list = () => reports.list([following]).map(({ report: said }) => said?.held);
  expect(list()).toEqual([undefined]);
  reports.take('cell-1', 'f', report);
  reports.take('cell-1', 'f', { ...report, held: 2 });
  expect(list()).toEqual([2]);
  expect(reports.trusting('f')).toEqual(['r']);
  expect(reports.list([])).toMatchObject([{ cell: 'cell-1', connected: false, takesPart: true, ageMs: 0 }]);
  clock.advance(reportCountsMs + 1);
  expect(list()).toEqual([undefined]);
  expect(reports.trusting('f')).toBeUndefined();
  expect(() => reports.take('cell-1', 'f', { held: 1 })).toThrow(/no report/);
  for (let index = 0; index < 1024; index += 1) reports.take('cell-1', `f${index}`, report);
  expect(() => reports.take('cell-2', 'g', report)).toThrow(/too many/);
  // One that is known goes on.
  reports.take('cell-1', 'f7', report);
});
