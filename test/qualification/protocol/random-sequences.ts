// Random sequences of what clients do, against a small model of the rules: the server never differs from it. On the pure steps of a
// stream, and with a raw client over gRPC.
import { playRandomClients } from '../../xds/random-clients.ts';
import { startWireStories } from '../../xds/wire-story.ts';
import type { Item } from '../item.ts';

const sequences = 20_000;
const overGrpc = 5000;

export const randomSequences: Item = {
  name: 'random-sequences',
  line:
    'random sequences of subscribe, unsubscribe, ACK, NACK, update, remove and reconnect, in both variants, against ' +
    'a small model of the rules: on the pure steps of a stream, and with a raw client over gRPC',
  bound: `0 differences in ${sequences} sequences a variant, and in ${overGrpc} a variant over gRPC`,
  async run({ progress, defer }) {
    const stories = await startWireStories();
    defer(() => stories.close());
    const figures: Record<string, number | string> = {};
    let ok = true;
    for (const variant of ['sotw', 'delta'] as const) {
      for (const { where, count, options } of [
        { where: '', count: sequences, options: {} },
        { where: 'OverGrpc', count: overGrpc, options: { stories } },
      ]) {
        const { found, seed } = await playRandomClients(variant, count, options);
        progress(`${variant}${where}: ${count} sequences, seed ${seed}, ${found ?? 'no difference'}`);
        figures[`${variant}${where}Sequences`] = count;
        figures[`${variant}${where}Seed`] = seed;
        figures[`${variant}${where}Differences`] = found === undefined ? 0 : 1;
        if (found !== undefined) ok = false;
      }
    }
    return { ok, figures };
  },
};
