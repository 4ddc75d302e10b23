// Calls through two sidecars with a control plane, and through a bare pair of Envoys with mutual TLS, in turns; and what many rules add to
// a call. Go builds the load.
import type { Bench } from '../bench.ts';
import { raceDataPath } from './race.ts';
import { renderDataPath } from './report.ts';

const choices = ['saturation', 'rate', 'upload', 'download', 'rules'];

export const dataPathBench: Bench = {
  name: 'data-path',
  about:
    'Calls through two sidecars with a control plane against a bare pair of Envoys with mutual TLS, and what many rules add to a call',
  numbers: { rounds: { usual: 3, short: 1 } },
  choices: [choices],
  async run({ folder, number, wants, say }) {
    const race = await raceDataPath({ folder, rounds: number('rounds'), only: choices.filter(wants), say });
    return { lines: renderDataPath(race).split('\n'), charts: {}, data: race, errors: race.errors };
  },
};
