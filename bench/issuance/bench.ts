// SVIDs a second of CPU, against Go's x509.CreateCertificate, in turns. Needs Go, which also verifies what is issued here.
import type { Bench } from '../bench.ts';
import { median } from '../median.ts';
import { spread } from '../spread.ts';
import { raceIssuance } from './race.ts';

export const issuanceBench: Bench = {
  name: 'issuance',
  about:
    "SVIDs a second of CPU, of keys that are given and of keys that are made, against Go's `x509.CreateCertificate`",
  numbers: { rounds: { usual: 5, short: 1 }, count: { usual: 20_000, short: 1000 } },
  choices: [],
  async run({ folder, number, say }) {
    const race = raceIssuance({ folder, rounds: number('rounds'), count: number('count'), say });
    const rows = race.rows.map(({ row, ours, go }) => {
      const ahead = (median(ours) ?? Number.NaN) / (median(go) ?? Number.NaN);
      return `| key ${row} | ${spread(ours)} | ${spread(go)} | ${ahead.toFixed(2)}x |`;
    });
    const lines = [
      '| | cellwall | Go | ahead |',
      '|---|---|---|---|',
      ...rows,
      '',
      `Go verified ${race.verified} of ours.`,
    ];
    return { lines, charts: {}, data: race, errors: [] };
  },
};
