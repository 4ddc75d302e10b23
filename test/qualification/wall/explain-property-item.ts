// `explain` and a real Envoy decide the same: random documents, random requests, HTTP and gRPC.
import { runExplainProperty } from '../explain-property.ts';
import type { Item } from '../item.ts';

const decisions = 2000;
const share = 0.3;

export const explainProperty: Item = {
  name: 'explain-property',
  line: 'random documents and requests, decided by `explain` and by a real Envoy: they never disagree',
  bound: `0 disagreements in ≥ ${decisions} decisions over HTTP and gRPC, ≥ ${share * 100} % of either outcome, every matcher covered`,
  async run({ progress }) {
    const seed = Math.floor(Math.random() * 2 ** 31);
    progress(`seed ${seed}`);
    const found = await runExplainProperty({ decisions, seed, perRound: 60 });
    const total = found.allowed + found.denied;
    const balanced = Math.min(found.allowed, found.denied) >= share * total;
    return {
      ok: total >= decisions && found.disagreements.length === 0 && balanced && found.uncovered.length === 0,
      figures: {
        decisions: total,
        disagreements: found.disagreements.length,
        allowed: found.allowed,
        denied: found.denied,
        uncovered: found.uncovered.join(' ') || 'none',
        seed,
      },
    };
  },
};
