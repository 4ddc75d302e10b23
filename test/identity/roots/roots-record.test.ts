// The steps of a rotation, as values: whatever is commanded and whenever, one root signs, and none goes without having been on its way out.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatRootsRecord, readRootsRecord } from '../../../src/identity/roots/roots-note.ts';
import {
  abort,
  activeRoot,
  advance,
  begin,
  firstRecord,
  type RootsRecord,
  retiringRoots,
} from '../../../src/identity/roots/roots-record.ts';
import { testRoot } from '../../support/test-bundle.ts';

let first: string;
let second: string;
beforeAll(async () => {
  [first, second] = [await testRoot(), await testRoot()];
});

const request = { id: '0123456789abcdef', startedAt: 1, by: 'ann', quietMs: 0 };
const states = ({ roots }: RootsRecord) => roots.map(({ state }) => state);
const upTo = (phase: string): RootsRecord => {
  let record = begin(firstRecord(first), request);
  while (record.rotation?.phase !== phase) record = advance(record, { now: 2, successor: second });
  return record;
};

describe('a rotation', () => {
  it('goes through its phases to the new root alone', () => {
    let record = begin(firstRecord(first), request);
    const seen: unknown[] = [];
    while (record.rotation !== undefined) {
      seen.push([record.rotation.phase, ...states(record)]);
      record = advance(record, { now: 2, successor: second });
    }
    expect(seen).toEqual([
      ['prepare', 'active'],
      ['publish', 'active', 'published'],
      ['activate', 'retiring', 'active'],
      ['renew', 'retiring', 'active'],
      ['taint', 'tainted', 'active'],
      ['remove', 'active'],
    ]);
    expect(activeRoot(record).pem).toBe(second);
    expect(record).toMatchObject({ removed: [first], last: { outcome: 'rotated', cut: [] } });
  });

  it('is one at a time', () => {
    expect(() => begin(upTo('renew'), request)).toThrow(/is under way: it is at "renew"/);
  });

  it.each(['prepare', 'publish'])('goes back at once from %s', (phase) => {
    const record = abort(upTo(phase), 3);
    expect(states(record)).toEqual(['active']);
    expect(activeRoot(record).pem).toBe(first);
    expect(record).toMatchObject({ last: { outcome: 'aborted' } });
    expect(record.rotation).toBeUndefined();
  });

  it.each(['activate', 'renew'])('goes back from %s by the same phases, with the roots exchanged', (phase) => {
    let record = abort(upTo(phase), 3);
    expect(retiringRoots(record)).toEqual([second]);
    expect(() => abort(record, 3)).toThrow(/being aborted already/);
    while (record.rotation !== undefined) record = advance(record, { now: 4 });
    expect(activeRoot(record).pem).toBe(first);
    expect(record).toMatchObject({ removed: [second], last: { outcome: 'aborted' } });
  });

  it.each(['taint', 'remove'])('has no way back from %s', (phase) => {
    expect(() => abort(upTo(phase), 3)).toThrow(/key is destroyed/);
  });

  it('remembers whom it left behind in any phase', () => {
    let record = begin(firstRecord(first), { ...request, compromised: true });
    for (let step = 0; record.rotation !== undefined; step++) {
      record = advance(record, { now: 2, successor: second, cut: [`host ${step % 2}`] });
    }
    expect(record.last?.cut).toEqual(['host 0', 'host 1']);
  });

  it('always has one root that signs, in a record that is read as it was written', () => {
    const commands = fc.array(fc.constantFrom('begin', 'advance', 'abort'), { maxLength: 40 });
    fc.assert(
      fc.property(commands, (list) => {
        let record = firstRecord(first);
        for (const command of list) {
          const before = record;
          try {
            if (command === 'begin') record = begin(record, request);
            else if (command === 'abort') record = abort(record, 5);
            else record = advance(record, { now: 5, successor: second });
          } catch {
            record = before;
          }
          expect(states(record).filter((state) => state === 'active')).toHaveLength(1);
          expect(readRootsRecord(formatRootsRecord(record), 'x')).toEqual(record);
          if (record !== before) expect(record.version).toBeGreaterThan(before.version);
          const gone = before.roots.filter(({ pem }) => !record.roots.some((root) => root.pem === pem));
          for (const { state } of gone) expect(['tainted', 'published']).toContain(state);
        }
      }),
    );
  });
});

describe('a damaged record', () => {
  it.each([
    ['cut off', (text: string) => text.slice(0, -20)],
    ['without a root that signs', (text: string) => text.replaceAll('active', 'retiring')],
    ['with a root somewhere else', (text: string) => text.replace('"root"', '"../root"')],
    ['of another phase', (text: string) => text.replace('"publish"', '"party"')],
    ['empty', () => ''],
  ])('that is %s is no record', (_what, damage) => {
    const text = formatRootsRecord(upTo('publish'));
    expect(() => readRootsRecord(damage(text), 'ca/roots.json')).toThrow(/ca\/roots.json.* cannot be read/);
  });
});
