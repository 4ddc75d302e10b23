// Changes that are each within the limits, and together are not: compared with what was in force some minutes ago.
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { limitsOf } from '../../src/limits/limits.ts';
import { createLimitsHolding } from '../../src/limits/limits-holding.ts';
import { createRecentStates } from '../../src/limits/recent-states.ts';
import type { Judged } from '../../src/store/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { judged } from '../support/judged.ts';
import { cellText, documentsOf, meshText, yaml } from '../support/resolve-text.ts';

const minute = 60_000;

function state(from: number, to: number): Judged {
  const cells = Array.from({ length: to - from }, (_, index) => cellText(`c${from + index}`, from + index + 1));
  const sorted = documentsOf(yaml(meshText(), ...cells)).toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return judged(sorted);
}

function world(from = 0, to = 30) {
  const clock = createFakeClock();
  const recent = createRecentStates({ limits: limitsOf(), clock });
  let inForce = state(from, to);
  recent.note(inForce);
  const told = (next: Judged): readonly string[] =>
    recent.beyond(inForce, next).map(({ code, message }) => `${code}: ${message}`);
  /** Comes into force if nothing is said against it, or somebody `confirmed` it. */
  const change = (next: Judged, confirmed = false): readonly string[] => {
    const reasons = told(next);
    if (reasons.length > 0 && !confirmed) return reasons;
    inForce = next;
    recent.note(next);
    return reasons;
  };
  return { clock, recent, change, told, inForce: () => inForce };
}

describe('deletions one after the other', () => {
  it('are counted over ten minutes, however many changes there are between them', async () => {
    const { clock, change } = world();
    for (let gone = 1; gone <= 10; gone++) {
      expect(change(state(gone, 30))).toEqual([]);
      await clock.advance(minute / 2);
    }
    expect(change(state(11, 30))).toEqual([
      'mass-deletion: 11 of 31 documents would be deleted within 10 minutes: Cell/c0, Cell/c1, Cell/c10, Cell/c2, Cell/c3, and 6 more',
    ]);
    // What deletes nothing is none of its business.
    expect(change(state(10, 31))).toEqual([]);
    // Ten minutes after the first few, so many may go again.
    await clock.advance(7 * minute);
    expect(change(state(13, 31))).toEqual([]);
    expect(change(state(24, 31))).toHaveLength(1);
  });

  it('that were confirmed start the count anew; what is beyond by itself is said as ever', () => {
    const { change } = world();
    expect(change(state(10, 30))).toEqual([]);
    expect(change(state(12, 30), true)).toHaveLength(1);
    expect(change(state(20, 30))).toEqual([]);
    expect(change(state(28, 30))).toHaveLength(1);
    const once = world();
    expect(once.change(state(11, 30))).toEqual([
      expect.stringContaining('11 of 31 documents would be deleted at once'),
    ]);
  });

  it('by thousands of changes keep no more than the parts of the window', async () => {
    const { clock, recent, change } = world(0, 3);
    for (let index = 0; index < 300; index++) {
      change(state(0, 3 + (index % 2)));
      await clock.advance(minute / 10);
    }
    expect(change(state(3, 3))).toEqual([]);
    expect(recent.since()).toBeDefined();
  });
});

describe('growth step by step', () => {
  it('is counted over ten minutes, from a size on', async () => {
    const { clock, change } = world(0, 60);
    expect([change(state(0, 90)), change(state(0, 120))]).toEqual([[], []]);
    expect(change(state(0, 130))).toEqual(['growth: from 61 to 131 documents within 10 minutes']);
    await clock.advance(11 * minute);
    expect(change(state(0, 130))).toEqual([]);
    const small = world(0, 5);
    for (const to of [20, 48, 200]) expect(small.change(state(0, to))).toEqual([]);
  });
});

describe('an edit that is held for it', () => {
  it('stays held when the minutes are over, until it is put back', async () => {
    const { clock, recent, change, inForce } = world();
    const holding = createLimitsHolding({ recent, log: silentLog });
    expect(change(state(8, 30))).toEqual([]);
    const held = () => holding.hold(inForce(), state(12, 30), judgedOf)?.problems.map(({ code }) => code);
    expect(held()).toEqual(['mass-deletion']);
    await clock.advance(30 * minute);
    expect(held()).toEqual(['mass-deletion']);
    expect(holding.hold(inForce(), state(7, 30), judgedOf)).toBeUndefined();
    expect(held()).toBeUndefined();
  });
});

const judgedOf = (documents: Judged['documents']): Judged => judged(documents);
