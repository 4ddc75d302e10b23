// SVIDs a core, against Go's standard library.
import { raceIssuance } from '../../../bench/issuance/race.ts';
import type { Item } from '../item.ts';
import { median } from '../support/quantile.ts';

const bounds = { given: 2.5, made: 1.2 } as const;

export const issuanceItem: Item = {
  name: 'issuance',
  line: "SVIDs are issued faster than by Go's x509.CreateCertificate, a second of CPU, and Go verifies every one of them",
  bound: `key given ${bounds.given}x, with key generation ${bounds.made}x ahead of Go, medians of 7 rounds in turns`,
  async run({ work, progress }) {
    const { rows, verified } = raceIssuance({ folder: work, rounds: 7, count: 20_000, say: progress });
    const figures: Record<string, number> = { verifiedByGo: verified };
    let ok = true;
    for (const { row, ours, go } of rows) {
      const [mine, theirs] = [median(ours), median(go)];
      figures[`${row}ASecond`] = Math.round(mine);
      figures[`${row}ASecondGo`] = Math.round(theirs);
      figures[`${row}Ahead`] = Math.round((mine / theirs) * 100) / 100;
      ok &&= mine / theirs >= bounds[row];
    }
    return { ok, figures };
  },
};
