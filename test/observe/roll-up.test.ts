// The record without its paths.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { defined } from '../../src/lib/defined.ts';
import { rollUp } from '../../src/observe/roll-up.ts';
import type { TrafficCount } from '../../src/observe/traffic-count.ts';

const text = (...values: readonly string[]) => fc.constantFrom(undefined, ...values);
const count = fc
  .record({
    service: fc.constantFrom('api', 'db'),
    port: text('grpc', 'rest'),
    caller: fc.constantFrom('plaintext' as const, 'mtls' as const),
    principal: text('spiffe://td/a', 'spiffe://td/b'),
    peer: text('10.0.0.1', '10.0.0.2'),
    method: text('GET', 'POST'),
    path: fc.constantFrom(undefined, { kind: 'exact' as const, path: '/a' }, { kind: 'odd' as const }),
    decision: fc.constantFrom('allowed' as const, 'denied' as const),
    policy: text('p/0', 'p/1'),
    count: fc.integer({ min: 1, max: 9 }),
    lastSeen: fc.integer({ min: 1, max: 99 }),
  })
  .map(({ service, caller, decision, count: seen, lastSeen, ...more }): TrafficCount => {
    return { service, caller, decision, count: seen, lastSeen, ...defined(more) };
  });

const kindOf = ({ path: _, count: __, lastSeen: ___, ...kind }: TrafficCount): string =>
  JSON.stringify(Object.entries(kind).toSorted(([a], [b]) => (a < b ? -1 : 1)));

it('adds up what differs in the path alone: no call of one port, caller or rule counts for another', () => {
  fc.assert(
    fc.property(fc.array(count, { maxLength: 30 }), (counts) => {
      const rows = rollUp(counts);
      expect(new Set(rows.map(kindOf)).size).toBe(rows.length);
      const wanted = Map.groupBy(counts, kindOf);
      expect(rows).toHaveLength(wanted.size);
      for (const row of rows) {
        const all = wanted.get(kindOf(row)) ?? [];
        expect(row.count).toBe(all.reduce((sum, one) => sum + one.count, 0));
        expect(row.lastSeen).toBe(Math.max(...all.map(({ lastSeen }) => lastSeen)));
        expect(row).not.toHaveProperty('path');
      }
    }),
    { numRuns: 200 },
  );
});

it('gives the rows that were seen last if there are too many', () => {
  const row = (peer: string, lastSeen: number): TrafficCount => ({
    ...({ service: 'api', caller: 'plaintext', decision: 'allowed' } as const),
    ...{ peer, lastSeen, count: 1 },
  });
  expect(rollUp([row('a', 1), row('b', 3), row('c', 2)], 2).map(({ peer }) => peer)).toEqual(['b', 'c']);
});
