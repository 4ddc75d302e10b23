// What a simulation foretells is what real Envoys do afterwards. `npm run qualify -- policy --only simulation` does more of it.
import { expect, it } from 'vitest';
import { runSimulationAgreement } from '../qualification/policy/simulation-agreement.ts';

it('agrees with enforcement afterwards', { timeout: 60_000 }, async () => {
  const { foretold, changed, apart } = await runSimulationAgreement({ foretold: 150, seed: 11, perRound: 120 });
  expect(apart).toEqual([]);
  expect(foretold).toBeGreaterThanOrEqual(150);
  expect(changed).toBeGreaterThan(10);
});
