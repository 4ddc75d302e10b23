// Random sequences of what clients do, against a small model of the rules: the server never differs from it.
import { playRandomClients } from '../../xds/random-clients.ts';
import type { Item } from '../item.ts';

const sequences = 1000;

export const randomSequences: Item = {
  name: 'random-sequences',
  line: 'random sequences of subscribe, unsubscribe, ACK, NACK, update, remove and reconnect, in both variants, against a small model of the rules',
  bound: `0 differences in ${sequences} sequences a variant`,
  async run({ progress }) {
    const figures: Record<string, number | string> = {};
    let ok = true;
    for (const variant of ['sotw', 'delta'] as const) {
      const { found, seed } = playRandomClients(variant, sequences);
      progress(`${variant}: seed ${seed}, ${found === undefined ? 'no difference' : found}`);
      figures[`${variant}Sequences`] = sequences;
      figures[`${variant}Seed`] = seed;
      figures[`${variant}Differences`] = found === undefined ? 0 : 1;
      if (found !== undefined) ok = false;
    }
    return { ok, figures };
  },
};
