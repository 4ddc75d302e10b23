// A short, seeded run of what `npm run qualify -- wall` shows in length.
import { expect, test } from 'vitest';
import { runExplainProperty } from '../qualification/explain-property.ts';

test('explain and real Envoys decide alike', { timeout: 90_000 }, async () => {
  const found = await runExplainProperty({ decisions: 160, seed: 7, perRound: 80 });
  expect(found.disagreements).toEqual([]);
  expect(found.decisions).toBe(160);
  expect(Math.min(found.allowed, found.denied)).toBeGreaterThan(30);
});
