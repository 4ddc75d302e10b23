// How what is measured grows: with the number of proxies (the engine, against go-control-plane), and with that of services (the pipeline).
import type { Bench } from '../bench.ts';
import { logChart, type Series } from '../chart.ts';
import { exponentOf } from '../fit.ts';
import { type Measure, measureProxies, measureServices } from './measure.ts';

const proxySizes = [100, 300, 1000, 3000, 10_000];
const serviceSizes = [10, 100, 1000, 5000];
const choices = ['proxies', 'services'];

export const growthBench: Bench = {
  name: 'growth',
  about:
    'How figures grow with the number of proxies (100 to 10,000 streams, delta, plaintext, against go-control-plane) and of ' +
    'services (10 to 5,000, with two policies and 10 dependencies each): the exponent that fits best, and what breaks first',
  numbers: {
    rounds: { usual: 1, short: 1 },
    'most-proxies': { usual: 10_000, short: 300 },
    'most-services': { usual: 5000, short: 100 },
  },
  choices: [choices],
  async run({ folder, number, wants, say }) {
    const proxies = proxySizes.filter((size) => size <= number('most-proxies'));
    const services = serviceSizes.filter((size) => size <= number('most-services'));
    const found: Measure[] = [];
    const errors: string[] = [];
    if (wants('proxies')) {
      const measured = await measureProxies({ folder, rounds: number('rounds'), sizes: proxies, say });
      found.push(...measured.measures);
      errors.push(...measured.errors);
    }
    if (wants('services')) found.push(...(await measureServices({ folder, edits: 15, sizes: services, say })));
    return {
      lines: [...table(found, 'proxies'), ...table(found, 'services'), ...broken(found)],
      charts: Object.fromEntries(choices.flatMap((by) => chart(found, by))),
      data: found.map((one) => ({ ...one, exponent: exponentOf(one.points) })),
      errors,
    };
  },
};

function chart(all: readonly Measure[], by: string): readonly (readonly [string, string])[] {
  const series: Series[] = all
    .filter((one) => one.by === by && one.unit === 'ms')
    .map(({ name, points }) => ({ name, points }));
  if (series.length === 0) return [];
  return [[`growth-${by}.svg`, logChart({ title: `Time, by the number of ${by}`, x: by, y: 'milliseconds', series })]];
}

function table(all: readonly Measure[], by: Measure['by']): readonly string[] {
  const rows = all.filter((one) => one.by === by);
  const sizes = rows[0]?.points.map(([size]) => size) ?? [];
  if (sizes.length === 0) return [];
  return [
    `## By the number of ${by}`,
    '',
    `| | ${sizes.map((size) => size.toLocaleString('en')).join(' | ')} | exponent |`,
    `|---|${sizes.map(() => '---|').join('')}---|`,
    ...rows.map(({ name, unit, points }) => {
      const cells = points.map(([, value]) => (value >= 100 ? value.toFixed(0) : value.toFixed(1)));
      return `| ${name}, ${unit} | ${cells.join(' | ')} | ${exponentOf(points).toFixed(2)} |`;
    }),
    '',
    'An exponent of 1 is linear growth, 0 is none; it is fitted over all sizes (least squares of the logarithms), fixed costs included.',
    '',
  ];
}

/** Limits are those of what is promised, for the sizes for which it is promised. */
function broken(all: readonly Measure[]): readonly string[] {
  const first = all
    .flatMap(({ name, unit, points, limit, by }) => {
      if (limit === undefined) return [];
      const [over] = points.filter(([, value]) => value > limit);
      return over === undefined ? [] : [{ name, unit, by, limit, size: over[0], value: over[1] }];
    })
    .sort((a, b) => a.size - b.size);
  const lines = first.map(
    ({ name, unit, by, limit, size, value }) =>
      `- at ${size.toLocaleString('en')} ${by}: ${name} (${value.toFixed(0)} ${unit}, more than ${limit})`,
  );
  return ['## What breaks first', '', ...(lines.length === 0 ? ['Nothing, up to these sizes.'] : lines), ''];
}
