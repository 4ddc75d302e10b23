// `explain` and real Envoys decide the same, over the whole policy language.
import { runExplainProperty } from '../explain-property.ts';
import type { Item } from '../item.ts';

const decisions = 10_000;
const share = 0.3;

export const explainProperty: Item = {
  name: 'explain-property',
  line:
    'random documents and requests: deny, shadow, templates, matching cell, break-glass, anonymous callers of ' +
    'each kind, with valid and invalid tokens; decided by `explain` and by real Envoys',
  bound: `none apart in ${decisions} decisions, ≥ ${share * 100} % of either outcome, every matcher hit`,
  async run({ progress }) {
    const seed = Math.floor(Math.random() * 2 ** 31);
    progress(`seed ${seed}`);
    const found = await runExplainProperty({ decisions, seed });
    const least = Math.min(found.allowed, found.denied) / found.decisions;
    const hits = Object.entries(found.matchersHit).sort(([, a], [, b]) => a - b);
    return {
      ok:
        found.decisions >= decisions &&
        found.disagreements.length === 0 &&
        least >= share &&
        found.uncovered.length === 0,
      figures: {
        decisions: found.decisions,
        disagreements: found.disagreements.length,
        allowed: found.allowed,
        refused: found.denied,
        matchers: hits.length,
        leastHit: hits[0]?.join(' ') ?? 'none',
        uncovered: found.uncovered.join(' ') || 'none',
        seed,
      },
    };
  },
};
