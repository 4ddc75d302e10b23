// Ten cells at once, with calls about themselves and about each other, while the rules change: every answer is that of its own message.
import { afterEach, expect, test } from 'vitest';
import { claimsLoad } from '../../support/claims-load.ts';
import { type ClaimsWall, startClaimsWall } from '../../support/claims-wall.ts';
import { figure, qualifying } from '../../support/figure.ts';

const calls = qualifying ? 500_000 : 4000;
const seed = 20_261_128;
let wall: ClaimsWall;

afterEach(() => wall.stop());

test.each([1, 4])('--concurrency %i', { timeout: 2_700_000 }, async (concurrency) => {
  wall = await startClaimsWall(concurrency);
  const outcome = await claimsLoad(wall, { seed, more: (made) => made < calls, ruleChangeMs: qualifying ? 500 : 50 });
  figure(`callsConcurrency${concurrency}`, outcome.calls);
  figure(`wrongConcurrency${concurrency}`, outcome.wrong);
  figure(`lostConcurrency${concurrency}`, outcome.lost);
  figure(`callsASecondConcurrency${concurrency}`, Math.round(outcome.calls / outcome.seconds));
  figure(`ruleChangesConcurrency${concurrency}`, wall.ruleChanges);
  expect(outcome).toMatchObject({ wrong: 0, calls: expect.toSatisfy((made: number) => made >= calls) });
  expect(wall.arrived).toEqual({ own: outcome.passed, others: 0 });
  // Calls of every kind were made: neither side of the judge is idle.
  expect(outcome.passed).toBeGreaterThan(calls / 4);
  expect(outcome.refused).toBeGreaterThan(calls / 4);
  expect(wall.ruleChanges).toBeGreaterThan(qualifying ? 20 : 2);
  expect({ ended: wall.proxy.envoy.ended(), nacks: wall.proxy.ads.nacks }).toEqual({ ended: undefined, nacks: [] });
});
