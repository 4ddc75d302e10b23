// The xDS engine against go-control-plane's newest, the same work in turns, and how many times ahead it is.

import { raceXds } from '../../../bench/xds/race.ts';
import { ratiosOf } from '../../../bench/xds/ratios.ts';
import type { Item } from '../item.ts';

const streams = 3000;

export const race: Item = {
  name: 'race',
  line: `the xDS engine against go-control-plane (linear caches, a mux), ${streams} streams, in turns: its medians through ours`,
  bound: [
    'time / CPU: one RBAC change (delta) 1.3 / 2.5; one listener (sotw) 1.4 / 2.5; every secret 1.3 / 2; cold start 1.3; burst of 40 2',
    'memory 4, with mTLS 1.5',
    'aim: a cold start with mTLS 1.0',
  ].join('; '),
  async run({ work, progress }) {
    const result = await raceXds({
      ...{ folder: work, streams, rounds: 3, burst: 40, modes: ['delta', 'sotw'], secure: [false, true] },
      ...{ only: ['cellwall', 'go-control-plane'], say: progress },
    });
    const ratios = ratiosOf(result);
    const groups = new Set(result.rows.flatMap(({ samples }) => samples.flatMap(({ group }) => group ?? [])));
    return {
      ok:
        result.errors.length === 0 &&
        groups.size === 1 &&
        ratios.every(({ ahead, least, aim }) => aim || ahead >= least),
      figures: {
        ...Object.fromEntries(ratios.map(({ name, ahead }) => [name, Math.round(ahead * 100) / 100])),
        group: [...groups].join(', '),
        ...(result.errors.length === 0 ? {} : { errors: result.errors.join('; ') }),
      },
    };
  },
};
