// Who shares a filter chain where there are more callers than chains, and whom one more caller moves.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSpiffeId, type SpiffeId } from '../../src/model/spiffe-id.ts';
import { shareChains } from '../../src/translate/inbound/share-chains.ts';

const callerOf = (index: number): SpiffeId => {
  const id = parseSpiffeId(`spiffe://td1/service/c${index}`);
  if (id === undefined) throw new Error(`c${index}`);
  return id;
};
const callers = fc.uniqueArray(fc.nat(5000).map(callerOf), { minLength: 1, maxLength: 60 });
const limits = fc.integer({ min: 1, max: 40 });
const written = (groups: readonly (readonly SpiffeId[])[]): string[] => groups.map((group) => [...group].sort().join());

test('each caller is in exactly one chain, of no more than there may be, alone while there are enough', () => {
  fc.assert(
    fc.property(callers, limits, (all, limit) => {
      const groups = shareChains(all, limit);
      expect(groups.flat().sort()).toEqual([...all].sort());
      expect(groups).toHaveLength(Math.min(all.length, limit));
    }),
  );
});

test('the order in which they come says nothing', () => {
  fc.assert(
    fc.property(callers, limits, (all, limit) => {
      expect(written(shareChains(all.toReversed(), limit)).sort()).toEqual(written(shareChains(all, limit)).sort());
    }),
  );
});

test('one caller more changes three chains at most', () => {
  fc.assert(
    fc.property(callers, fc.integer({ min: 5001, max: 9000 }).map(callerOf), limits, (all, more, limit) => {
      const after = new Set(written(shareChains([...all, more], limit)));
      const changed = written(shareChains(all, limit)).filter((group) => !after.has(group));
      expect(changed.length).toBeLessThanOrEqual(3);
      if (all.length === limit) expect(changed.length).toBeLessThanOrEqual(2);
    }),
  );
});
