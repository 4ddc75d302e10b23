// Random input for one parser: what is kept from earlier runs as it is, then mutations of it. An input whose outcome was not seen before
// is mutated further. A few thousand cases in CI, with a fixed seed; 200,000 in a qualification, with another seed each time.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { figure, qualifying } from '../../support/figure.ts';
import { projectRoot } from '../../support/source-files.ts';
import { startCoverage } from './coverage.ts';
import { mutate } from './mutate.ts';
import { createRandom, type Random } from './random.ts';

export interface FuzzTarget {
  /** Also of its file in corpus/. */
  readonly name: string;
  readonly seeds: readonly (string | Uint8Array)[];
  /** What its language is made of. */
  readonly dictionary: readonly (string | Uint8Array)[];
  /** Files whose coverage is told. */
  readonly sources: readonly string[];
  /** Takes one input; throws for a fault. Answers the kind of outcome, in a few words. */
  run(input: Buffer): string | Promise<string>;
  /** Makes a case of its own, where bytes of others would say nothing. */
  make?(random: Random): Buffer;
}

const cases = qualifying ? 200_000 : 1000;
const hangMs = 1000;
const keeping = process.env['CELLWALL_KEEP_CORPUS'] !== undefined;
/** Large ones are tried as they are, and not mutated: a case costs its size. */
const maxInput = 2048;
const maxPool = 2000;

export async function fuzz(target: FuzzTarget): Promise<void> {
  const random = createRandom();
  const file = join(projectRoot, 'test/adversary/fuzz/corpus', `${target.name}.txt`);
  const kept = readCorpus(file);
  const seeds: Buffer[] = [...target.seeds.map((seed) => Buffer.from(seed)), ...kept];
  const pool = seeds.filter(({ length }) => length <= maxInput);
  const dictionary = target.dictionary.map((word) => Buffer.from(word));
  const outcomes = new Map<string, number>();
  const coverage = await startCoverage();
  let slowest = 0;
  const tried = async (input: Buffer): Promise<boolean> => {
    const started = performance.now();
    let outcome: string;
    try {
      outcome = await target.run(input);
    } catch (cause) {
      throw new Error(`seed ${random.seed}, input (base64): ${input.toString('base64')}`, { cause });
    }
    const took = performance.now() - started;
    slowest = Math.max(slowest, took);
    if (took > hangMs) throw new Error(`${took} ms for input (base64): ${input.toString('base64')}`);
    const seen = outcomes.get(outcome) ?? 0;
    outcomes.set(outcome, seen + 1);
    return seen === 0;
  };
  for (const input of seeds) await tried(input);
  for (let count = seeds.length; count < cases; count++) {
    const input =
      target.make !== undefined && random.below(2) === 0
        ? target.make(random)
        : mutate(random.of(pool), { random, pool, dictionary }).subarray(0, maxInput);
    if ((await tried(input)) && pool.length < maxPool) {
      pool.push(input);
      if (keeping && pool.length - seeds.length <= 40) appendFileSync(file, `${input.toString('base64')}\n`);
    }
    // Others in this process have their turn.
    if (count % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const covered = await coverage.of(target.sources);
  const total = [...outcomes.values()].reduce((sum, one) => sum + one, 0);
  figure(`${target.name}Cases`, total);
  figure(`${target.name}Outcomes`, outcomes.size);
  figure(`${target.name}SlowestMs`, Math.round(slowest));
  for (const [file, percent] of covered) figure(`${target.name}Covered ${file} %`, percent);
  expect(total).toBeGreaterThanOrEqual(cases);
  // Not one door only.
  expect(outcomes.size).toBeGreaterThan(2);
  expect(covered.map(([file]) => file)).toEqual(target.sources);
  expect(Math.min(...covered.map(([, percent]) => percent))).toBeGreaterThan(40);
}

/** A line each, base64. `CELLWALL_KEEP_CORPUS=1` adds the first of each outcome; what failed is added by hand. */
function readCorpus(file: string): Buffer[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => Buffer.from(line, 'base64'));
}
