// Which cells hold up which phase of a rotation of the root, from what their control planes report and which intermediates they have.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type CellFacts, cellHoldUps } from '../../src/control/cell-hold-ups.ts';
import type { FollowerIssuer } from '../../src/identity/follower-issuers.ts';
import type { CellReport, SeenCell } from '../../src/identity/roots/cell-report.ts';
import {
  advance,
  begin,
  firstRecord,
  type RootsRecord,
  rotationPhases,
} from '../../src/identity/roots/roots-record.ts';
import { testRoot } from '../support/test-bundle.ts';
import '../support/seed.ts';

const [host, other] = ['ab'.repeat(32), 'cd'.repeat(32)];
let [first, second] = ['', ''];
beforeAll(async () => {
  [first, second] = [await testRoot(), await testRoot()];
});

function at(phase: string): RootsRecord {
  let record = begin(firstRecord(first), { id: '0123456789abcdef', startedAt: 1, by: 'ann', quietMs: 0 });
  while (record.rotation?.phase !== phase) record = advance(record, { now: 1, successor: second });
  return record;
}

const issuer = (name: string, cell?: string, nodeKey = host): FollowerIssuer => ({
  ...{ serial: `0${name.length}`, name, notAfter: new Date(1e12) },
  ...(cell === undefined ? {} : { owner: { cell, nodeKey } }),
});
const report = (record: RootsRecord, given: Partial<CellReport> = {}): CellReport => ({
  ...{ version: record.version, roots: [], issuers: ['one'], held: 0, holdUps: [] },
  ...given,
});
const seen = (cell: string, given: Partial<SeenCell> = {}): SeenCell => ({
  ...{ cell, follower: host, connected: true, takesPart: true },
  ...given,
});

/** `old`: intermediates under the first root. */
function facts(old: readonly FollowerIssuer[], given: Partial<CellFacts> = {}): CellFacts {
  const none = { seen: [], cells: ['cell-1', 'cell-2'], refused: () => false };
  return { ...none, issuersUnder: (root) => (root === first ? old : []), ...given };
}

const who = (record: RootsRecord, known: CellFacts): readonly string[] =>
  cellHoldUps(record, known).holdUps.map((one) => `${one.kind} ${one.who}`);
const states = (record: RootsRecord, known: CellFacts): readonly string[] =>
  cellHoldUps(record, known).cells.map(({ cell, state }) => `${cell} ${state}`);

it.each(['publish', 'activate', 'renew', 'taint', 'remove'])('is held up in %s by a cell that is away', (phase) => {
  const record = at(phase);
  const away = facts([issuer('one', 'cell-1')]);
  expect(who(record, away)).toEqual(['follower cell-1']);
  expect(cellHoldUps(record, away).holdUps[0]?.why).toMatch(/away.*cellwall node evict/);
  expect(states(record, away)).toEqual(['cell-1 away']);
});

it('is held up by nobody in prepare, without cells, and without a rotation', () => {
  expect(who(at('prepare'), facts([issuer('one', 'cell-1')]))).toEqual([]);
  expect(who(at('publish'), facts([]))).toEqual([]);
  expect(who(firstRecord(first), facts([issuer('one', 'cell-1')]))).toEqual([]);
});

describe('a cell that follows', () => {
  it.each<[string, Partial<SeenCell>, string, RegExp]>([
    ['has not said anything', {}, 'silent', /has not said whom/],
    ['is of an earlier version', { takesPart: false }, 'unable', /earlier version/],
  ])('holds it up if it %s', (_what, given, state, why) => {
    const record = at('renew');
    const known = facts([issuer('one', 'cell-1')], { seen: [seen('cell-1', given)] });
    expect(states(record, known)).toEqual([`cell-1 ${state}`]);
    expect(cellHoldUps(record, known).holdUps).toEqual([
      { kind: 'follower', who: 'cell-1', why: expect.stringMatching(why) },
    ]);
  });

  it('holds it up by a report of an earlier phase, whatever that said', () => {
    const record = at('renew');
    const known = facts([], { seen: [seen('cell-1', { report: report(at('publish')) })] });
    expect(cellHoldUps(record, known).holdUps[0]?.why).toMatch(/not taken up this phase/);
  });

  it('holds it up by those that it names, with its name, and by those that it does not', () => {
    const record = at('renew');
    const holdUps = [{ kind: 'proxy', who: 'p', why: 'not yet' } as const];
    const known = facts([], { seen: [seen('cell-1', { report: report(record, { held: 12, holdUps }) })] });
    expect(cellHoldUps(record, known)).toEqual({
      holdUps: [{ kind: 'follower', who: 'cell-1: proxy p', why: 'not yet' }],
      more: 11,
      cells: [{ cell: 'cell-1', state: 'held', held: 12 }],
    });
  });

  it('does not hold it up once it says so, for whatever intermediates it has', () => {
    const record = at('renew');
    const known = facts([issuer('one', 'cell-1'), issuer('lost', 'cell-1')], {
      seen: [seen('cell-1', { report: report(record) })],
    });
    expect(states(record, known)).toEqual(['cell-1 done']);
    expect(who(record, known)).toEqual([]);
  });

  it('counts when it has reported and its stream has just ended', () => {
    const record = at('renew');
    const ended = seen('cell-1', { connected: false, report: report(record) });
    expect(states(record, facts([issuer('one', 'cell-1')], { seen: [ended] }))).toEqual(['cell-1 done']);
  });
});

describe('a second control plane of a cell', () => {
  it('holds it up with its intermediate while it is away', () => {
    const record = at('renew');
    const known = facts([issuer('one', 'cell-1'), issuer('two', 'cell-1', other)], {
      seen: [seen('cell-1', { report: report(record) })],
    });
    expect(who(record, known)).toEqual(['follower cell-1: serial 03']);
    expect(states(record, known)).toEqual(['cell-1 held']);
    expect(who(record, { ...known, refused: (_cell, nodeKey) => nodeKey === other })).toEqual([]);
  });

  it('holds it up while it says nothing', () => {
    const record = at('renew');
    const both = [seen('cell-1', { report: report(record) }), seen('cell-1', { follower: other })];
    expect(states(record, facts([], { seen: both }))).toEqual(['cell-1 silent']);
  });
});

it('takes the newest of several reports, and a stream at any control plane', () => {
  const record = at('renew');
  const older = seen('cell-1', { report: report(record, { held: 1 }), ageMs: 9000, connected: true });
  const newer = seen('cell-1', { report: report(record), ageMs: 10, connected: false });
  expect(states(record, facts([], { seen: [older, newer] }))).toEqual(['cell-1 done']);
  expect(states(record, facts([], { seen: [newer, older] }))).toEqual(['cell-1 done']);
});

it('waits for nobody whose cell has no control plane any more, nor for whom is evicted or banned', () => {
  const record = at('renew');
  const away = [issuer('one', 'cell-1')];
  expect(who(record, facts(away, { cells: ['cell-2'] }))).toEqual([]);
  expect(who(record, facts(away, { refused: (cell) => cell === 'cell-1' }))).toEqual([]);
  expect(who(record, facts(away, { cells: undefined }))).toEqual(['follower cell-1']);
});

it('is held up by an intermediate of which nobody knows whose it is, until somebody says that it has it', () => {
  const record = at('renew');
  const known = facts([issuer('one')]);
  expect(cellHoldUps(record, known).holdUps[0]?.why).toMatch(/not known yet/);
  expect(who(record, { ...known, seen: [seen('cell-2', { report: report(record) })] })).toEqual([]);
  const others = { seen: [seen('cell-2', { report: report(record, { issuers: ['two'] }) })] };
  expect(who(record, { ...known, ...others })).toEqual(['follower serial 03']);
});

it('lets a phase end only if every cell that matters said for this very phase that nobody is left', () => {
  const cell = fc.constantFrom('cell-1', 'cell-2');
  const node = fc.constantFrom(host, other);
  const phase = fc.constantFrom(...rotationPhases.slice(1));
  const one = fc.record({
    ...{ cell, follower: node, connected: fc.boolean(), takesPart: fc.boolean(), ageMs: fc.nat(9) },
    said: fc.option(fc.record({ behind: fc.boolean(), held: fc.nat(1), issuers: fc.subarray(['a', 'b']) })),
  });
  const owned = fc.record({ name: fc.constantFrom('a', 'b'), cell, node });
  fc.assert(
    fc.property(phase, fc.array(one, { maxLength: 5 }), fc.array(owned, { maxLength: 4 }), (name, many, issuers) => {
      const record = at(name);
      const all = many.map(({ said, ...rest }): SeenCell => {
        if (said === null) return rest;
        const version = record.version - (said.behind ? 1 : 0);
        return { ...rest, report: report(record, { ...said, version }) };
      });
      const old = issuers.map((its) => issuer(its.name, its.cell, its.node));
      const found = cellHoldUps(record, facts(old, { seen: all }));
      if (found.holdUps.length + found.more > 0) return;
      for (const { owner } of old) {
        const its = all.filter((each) => each.cell === owner?.cell && each.report?.version === record.version);
        expect(its).not.toEqual([]);
      }
      for (const each of all.filter(({ connected }) => connected)) {
        const same = all.filter((its) => its.cell === each.cell && its.follower === each.follower);
        expect(same.some((its) => its.report?.version === record.version && its.report.held === 0)).toBe(true);
      }
      expect(found.cells.every(({ state }) => state === 'done')).toBe(true);
    }),
  );
});
