// Figures at several sizes.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Edited, measureEdits } from '../../test/qualification/performance/support/measure-edits.ts';
import { median } from '../median.ts';
import type { Phase } from '../xds/contestant.ts';
import { type Race, raceXds } from '../xds/race.ts';

export interface Measure {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly (readonly [size: number, value: number])[];
  /** More than this is no good. */
  readonly limit?: number;
}

interface Sizes {
  readonly folder: string;
  /** Growing. */
  readonly sizes: readonly number[];
  readonly say: (text: string) => void;
}

interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly row: string;
  readonly of: (phase: Phase, streams: number) => number;
  readonly limit?: number;
}

const figures: readonly Figure[] = [
  { name: 'cold start', unit: 'ms', row: 'cold', of: ({ lastMs }) => lastMs, limit: 30_000 },
  { name: 'one RBAC change', unit: 'ms', row: 'change:ECDS', of: ({ lastMs }) => lastMs, limit: 1000 },
  { name: 'CPU of a cold start', unit: 'ms of CPU', row: 'cold', of: ({ cpuMs }) => cpuMs },
  { name: 'CPU of one change', unit: 'ms of CPU', row: 'change:ECDS', of: ({ cpuMs }) => cpuMs },
  { name: 'memory', unit: 'KiB a stream', row: 'cold', of: ({ grownKiB }, streams) => grownKiB / streams },
];
const contestants = ['cellwall', 'go-control-plane'] as const;

export async function measureProxies({ folder, sizes, say, rounds }: Sizes & { readonly rounds: number }) {
  const races: Race[] = [];
  for (const streams of sizes) {
    say(`${streams} streams`);
    races.push(
      await raceXds({
        ...{ folder, say, streams, rounds, burst: 1, modes: ['delta'], secure: [false], only: contestants },
        phases: ['cold', 'change:ECDS', 'change:ECDS', 'change:ECDS'],
      }),
    );
  }
  const measures = figures.flatMap(({ name, unit, row, of, limit }) =>
    contestants.map((who): Measure => {
      const points = races.flatMap(({ streams, rows }) => {
        const samples = rows.find((one) => one.contestant === who && one.row === row)?.samples ?? [];
        const value = median(samples.filter(({ seen }) => seen === streams).map((one) => of(one, streams)));
        return value === undefined ? [] : [[streams, value] as const];
      });
      const own = who === 'cellwall' && limit !== undefined ? { limit } : {};
      return { name: `${name}: ${who}`, unit, points, ...own };
    }),
  );
  return {
    measures,
    errors: races.flatMap(({ streams, errors }) => errors.map((one) => `${streams} streams: ${one}`)),
  };
}

export async function measureServices({ folder, sizes, say, edits }: Sizes & { readonly edits: number }) {
  const all: { readonly services: number; readonly edited: Edited }[] = [];
  for (const services of sizes) {
    say(`${services} services`);
    const work = join(folder, `growth-${services}`);
    mkdirSync(work);
    // None depends on itself.
    const scale = { services, dependencies: Math.min(10, services / 2) };
    all.push({ services, edited: await measureEdits({ work, progress: say }, { scale, maxProxies: 1000, edits }) });
  }
  const named: readonly Pick<Measure, 'name' | 'unit' | 'limit'>[] = [
    { name: 'an edit, to the first proxy', unit: 'ms', limit: 50 },
    { name: 'an edit, to the last proxy', unit: 'ms', limit: 100 },
    { name: 'first publication', unit: 'ms', limit: 3000 },
    { name: 'longest turn meanwhile', unit: 'ms', limit: 20 },
    { name: 'translations an edit', unit: 'count', limit: 1 },
  ];
  return named.map(({ name, unit, limit }, index): Measure => {
    const points = all.map(({ services, edited }) => {
      const { firstMs, lastMs, publishedMs, longestTurnMs, translations } = edited;
      const values = [firstMs, lastMs, publishedMs, longestTurnMs, translations];
      return [services, values[index] ?? Number.NaN] as const;
    });
    return { name, unit, points, ...(limit === undefined ? {} : { limit }) };
  });
}
