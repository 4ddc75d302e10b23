// The race of issuers: as many SVIDs of the same shape, in turns; how many a second of CPU, all threads counted.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export interface IssuanceOptions {
  /** For what is built. */
  readonly folder: string;
  readonly rounds: number;
  /** Of each kind, in each round. */
  readonly count: number;
  readonly say: (text: string) => void;
}

export interface IssuanceRow {
  readonly row: 'given' | 'made';
  /** SVIDs a second of CPU, a round each. */
  readonly ours: readonly number[];
  readonly go: readonly number[];
}

export interface IssuanceRace {
  readonly rows: readonly IssuanceRow[];
  /** Of ours, by Go's crypto/x509, each for both sides of a connection. */
  readonly verified: number;
}

const shown = 200;

export function raceIssuance({ folder, rounds, count, say }: IssuanceOptions): IssuanceRace {
  const peer = join(folder, 'issuance');
  execFileSync('go', ['build', '-o', peer, '.'], { cwd: join(import.meta.dirname, 'peer'), stdio: 'inherit' });
  const ours = (...args: readonly string[]): string =>
    execFileSync(process.execPath, [join(import.meta.dirname, 'ours.ts'), ...args], {
      encoding: 'utf8',
      maxBuffer: 64 << 20,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const verified = Number(
    execFileSync(peer, ['-mode', 'verify'], { encoding: 'utf8', input: ours('shown', String(shown)) }),
  );
  if (verified !== shown) throw new Error(`Go verified ${verified} of ${shown} certificates`);
  const rows = (['given', 'made'] as const).map((row) => ({ row, ours: [] as number[], go: [] as number[] }));
  for (let round = 1; round <= rounds; round += 1) {
    for (const one of rows) {
      say(`round ${round} of ${rounds}: key ${one.row}`);
      one.ours.push(rateOf(ours(one.row, String(count))));
      one.go.push(rateOf(execFileSync(peer, ['-mode', one.row, '-count', String(count)], { encoding: 'utf8' })));
    }
  }
  return { rows, verified };
}

function rateOf(line: string): number {
  const { count, cpuMs }: { count: number; cpuMs: number } = JSON.parse(line);
  return (count / cpuMs) * 1000;
}
