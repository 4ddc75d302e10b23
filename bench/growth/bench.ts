// How what is measured grows: with the number of proxies (the engine, against go-control-plane), and with that of services (the pipeline).
import type { Bench, BenchPage } from '../bench.ts';
import { logChart } from '../chart.ts';
import { exponentOf } from '../fit.ts';
import { type Measure, measureProxies, measureServices } from './measure.ts';

const proxySizes = [100, 300, 1000, 3000, 10_000];
const serviceSizes = [10, 100, 1000, 5000];
const said = 'the exponent that fits best, and what breaks first';

export const growthByProxies: Bench = {
  name: 'growth-proxies',
  about: `How figures of the xDS engine grow with the number of streams (delta, plaintext), against go-control-plane: ${said}`,
  numbers: { rounds: { usual: 1, short: 1 }, most: { usual: 10_000, short: 300 } },
  choices: [],
  async run({ folder, number, say }) {
    const sizes = proxySizes.filter((size) => size <= number('most'));
    const { measures, errors } = await measureProxies({ folder, rounds: number('rounds'), sizes, say });
    return { ...pageOf(measures, 'proxies'), errors };
  },
};

export const growthByServices: Bench = {
  name: 'growth-services',
  about: `How figures of the pipeline grow with the number of services (two policies and 10 dependencies each, 5 at 10): ${said}`,
  numbers: { rounds: { usual: 15, short: 2 }, most: { usual: 5000, short: 100 } },
  choices: [],
  async run({ folder, number, say }) {
    const sizes = serviceSizes.filter((size) => size <= number('most'));
    return {
      ...pageOf(await measureServices({ folder, edits: number('rounds'), sizes, say }), 'services'),
      errors: [],
    };
  },
};

function pageOf(measures: readonly Measure[], by: string): Omit<BenchPage, 'errors'> {
  return {
    lines: [...table(measures), ...broken(measures, by)],
    charts: { [`growth-${by}.svg`]: chart(measures, by) },
    data: measures.map((one) => ({ ...one, exponent: exponentOf(one.points) })),
  };
}

function chart(all: readonly Measure[], by: string): string {
  const series = all.filter(({ unit }) => unit === 'ms').map(({ name, points }) => ({ name, points }));
  return logChart({ title: `Time, by the number of ${by}`, x: by, y: 'milliseconds', series });
}

function table(rows: readonly Measure[]): readonly string[] {
  const sizes = rows[0]?.points.map(([size]) => size) ?? [];
  return [
    `| | ${sizes.map((size) => size.toLocaleString('en')).join(' | ')} | exponent |`,
    `|---|${sizes.map(() => '---|').join('')}---|`,
    ...rows.map(({ name, unit, points }) => {
      const cells = points.map(([, value]) => (value >= 100 ? value.toFixed(0) : value.toFixed(1)));
      // Not "-0.00".
      const exponent = Math.round(exponentOf(points) * 100) / 100 || 0;
      return `| ${name}, ${unit} | ${cells.join(' | ')} | ${exponent.toFixed(2)} |`;
    }),
    '',
    'An exponent of 1 is linear growth, 0 is none; it is fitted over all sizes (least squares of the logarithms), fixed costs included.',
    '',
  ];
}

/** Limits are those of what is promised, for the sizes for which it is promised. */
function broken(all: readonly Measure[], by: string): readonly string[] {
  const first = all
    .flatMap(({ name, unit, points, limit = Number.POSITIVE_INFINITY }) => {
      const over = points.find(([, value]) => value > limit);
      return over === undefined ? [] : [{ name, unit, limit, size: over[0], value: over[1] }];
    })
    .sort((a, b) => a.size - b.size);
  const lines = first.map(
    ({ name, unit, limit, size, value }) =>
      `- at ${size.toLocaleString('en')} ${by}: ${name} (${value.toFixed(0)} ${unit}, more than ${limit.toLocaleString('en')})`,
  );
  return ['## What breaks first', '', ...(lines.length === 0 ? ['Nothing, up to these sizes.'] : lines), ''];
}
