// `npm run bench -- issuance [--rounds R] [--count N] [--json]`: SVIDs a second of CPU, of keys that are given and of keys that are made,
// against Go's x509.CreateCertificate, in turns. Needs Go, which also verifies what is issued here.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { wholeNumber } from '../whole-number.ts';
import { raceIssuance } from './race.ts';

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      count: { type: 'string', default: '20000' },
      json: { type: 'boolean', default: false },
    },
  });
  const [rounds, count] = [wholeNumber('rounds', values.rounds), wholeNumber('count', values.count)];
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-bench-'));
  try {
    const race = raceIssuance({ folder, rounds, count, say: (text) => void process.stderr.write(`${text}\n`) });
    if (values.json) return void process.stdout.write(`${JSON.stringify(race, null, 2)}\n`);
    process.stdout.write(`SVIDs a second of CPU, ${rounds} rounds of ${count}: median (least–most)\n`);
    for (const { row, ours, go } of race.rows) {
      const ahead = (median(ours) / median(go)).toFixed(2);
      process.stdout.write(`key ${row}: cellwall ${spread(ours)}, Go ${spread(go)}: ${ahead}x\n`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function spread(values: readonly number[]): string {
  return `${Math.round(median(values))} (${Math.round(Math.min(...values))}–${Math.round(Math.max(...values))})`;
}
