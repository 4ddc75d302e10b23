import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTurns } from '../../src/lib/turns.ts';

interface Guest {
  readonly address: string;
  readonly number: number;
}

describe('turns', () => {
  test('the newest of the address with the fewest turns; as a plain search of all finds it', () => {
    const addresses = ['a', 'b', 'c'] as const;
    const step = fc.record({
      does: fc.constantFrom('wait', 'leave', 'begin', 'over', 'take'),
      address: fc.constantFrom(...addresses),
      which: fc.nat(40),
      resting: fc.subarray([...addresses], { maxLength: 1 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const turns = createTurns<Guest>();
        let waiting: readonly Guest[] = [];
        const counts = new Map<string, number>();
        const countOf = (address: string): number => counts.get(address) ?? 0;
        for (const [number, { does, address, which, resting }] of steps.entries()) {
          const may = (its: string): boolean => !resting.includes(its as never);
          const may1 = waiting.filter((guest) => may(guest.address));
          const fewest = Math.min(...may1.map((guest) => countOf(guest.address)));
          const wanted = may1.filter((guest) => countOf(guest.address) === fewest).at(-1);
          expect(turns.next(may)).toBe(wanted);
          if (does === 'wait') {
            const guest = { address, number };
            waiting = [...waiting, guest];
            turns.wait(guest);
          } else if (does === 'begin') {
            counts.set(address, countOf(address) + 1);
            turns.begin(address);
          } else if (does === 'over') {
            counts.set(address, Math.max(0, countOf(address) - 1));
            turns.over(address);
          } else {
            const gone = does === 'take' ? wanted : waiting[which % Math.max(1, waiting.length)];
            if (gone === undefined) continue;
            waiting = waiting.filter((guest) => guest !== gone);
            turns.leave(gone);
          }
        }
      }),
    );
  });

  test('thousands that come and go take no more space than those that wait', () => {
    const turns = createTurns<Guest>();
    const first = { address: 'a', number: 0 };
    turns.wait(first);
    for (let number = 1; number < 10_000; number++) {
      const guest = { address: 'a', number };
      turns.wait(guest);
      expect(turns.next(() => true)).toBe(guest);
      turns.leave(guest);
    }
    expect(turns.next(() => true)).toBe(first);
  });
});
