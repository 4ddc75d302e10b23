// What benches say does not depend on the machine: how growth is fitted and drawn, how pages are written, and what is counted of an edit.
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logChart } from '../../bench/chart.ts';
import { exponentOf } from '../../bench/fit.ts';
import { editOf, policyOf } from '../../bench/joins/documents.ts';
import { writeIndex, writePage } from '../../bench/pages.ts';
import { measureEdits } from '../qualification/performance/support/measure-edits.ts';

describe('the exponent', () => {
  it('is that of any power, whatever its factor', () => {
    const sizes = fc.uniqueArray(fc.integer({ min: 1, max: 100_000 }), { minLength: 2, maxLength: 8 });
    const factors = fc.double({ min: 0.01, max: 1000, noNaN: true });
    fc.assert(
      fc.property(sizes, factors, fc.double({ min: -1, max: 3, noNaN: true }), (xs, factor, power) => {
        expect(exponentOf(xs.map((x) => [x, factor * x ** power]))).toBeCloseTo(power, 4);
      }),
    );
  });

  it('needs two sizes, and leaves out what has no logarithm', () => {
    expect(exponentOf([[10, 5]])).toBeNaN();
    expect(
      exponentOf([
        [0, 1],
        [1, 1],
        [10, 10],
        [100, 0],
      ]),
    ).toBeCloseTo(1);
  });
});

describe('a chart', () => {
  const points = (svg: string, at: number): readonly (readonly number[])[] =>
    [...svg.matchAll(/<polyline points="([^"]*)"/g)][at]?.[1]
      ?.split(' ')
      .map((point) => point.split(',').map(Number)) ?? [];

  it('draws a power as a straight line, larger values higher, and escapes names', () => {
    const of = (factor: number) => [10, 100, 1000].map((x) => [x, factor * x] as const);
    const series = [
      { name: 'a < b & c', points: of(1) },
      { name: 'more', points: of(2) },
    ];
    const svg = logChart({ title: 'T', x: 'x', y: 'y', series });
    expect(svg).toContain('a &lt; b &amp; c');
    const [[x0 = 0, y0 = 0] = [], [x1 = 0, y1 = 0] = [], [x2 = 0, y2 = 0] = []] = points(svg, 0);
    expect(x1 - x0).toBeCloseTo(x2 - x1, 0);
    expect(y0 - y1).toBeCloseTo(y1 - y2, 0);
    expect(y0).toBeGreaterThan(y1);
    expect(points(svg, 1)[0]?.[1]).toBeLessThan(y0);
  });

  it('has room for the longest name, and names the sizes that were measured', () => {
    const name = 'one RBAC change of everything: go-control-plane';
    const series = [{ name, points: [[100, 1] as const, [3000, 2] as const] }];
    const svg = logChart({ title: 'T', x: 'x', y: 'y', series });
    const width = Number(/ width="(\d+)"/.exec(svg)?.[1]);
    const [, x] = new RegExp(`<text x="([\\d.]+)"[^>]*>${name}<`).exec(svg) ?? [];
    expect(width - Number(x)).toBeGreaterThan(7 * name.length);
    expect(svg).toContain('>3,000</text>');
  });

  it('stays a picture with one point, equal points, and none', () => {
    for (const those of [
      [[1, 1]],
      [
        [5, 0.001],
        [5, 0.001],
      ],
      [[0, 0]],
      [],
    ] as const) {
      const svg = logChart({ title: 'T', x: 'x', y: 'y', series: [{ name: 'n', points: [...those] }] });
      expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
      expect(svg).not.toMatch(/NaN|Infinity/);
    }
  });
});

it('a page says what was measured where, by which command, and what went wrong; the index when', () => {
  const docs = mkdtempSync(join(tmpdir(), 'cellwall-pages-'));
  const bench = { name: 'one', about: 'What it is about' };
  const page = { lines: ['| a |'], charts: { 'one.svg': '<svg/>' }, data: {}, errors: ['it broke'] };
  const text = writePage({
    bench,
    page,
    measured: 'at commit abc',
    command: 'npm run bench -- one',
    folder: join(docs, 'performance'),
  });
  expect(text).toContain('Measured at commit abc, by `npm run bench -- one`.');
  expect(text).toContain('- it broke');
  expect(readFileSync(join(docs, 'performance/one.md'), 'utf8')).toBe(text);
  expect(readFileSync(join(docs, 'performance/one.svg'), 'utf8')).toBe('<svg/>');
  writeIndex(docs, [bench, { name: 'two', about: 'Another' }]);
  const index = readFileSync(join(docs, 'performance.md'), 'utf8');
  expect(index).toContain('| [one](performance/one.md) | What it is about | at commit abc |');
  expect(index).toContain('| two | Another | not yet |');
});

it('an edit is recognised in what is made of it', () => {
  expect(editOf(Buffer.from(policyOf('api', 'spiffe://bench.example/service/web', 17)))).toBe(17);
  expect(editOf(Buffer.from('\u{1}/other'))).toBeUndefined();
});

it('one edited policy is one resolve and one translation, at 12 services as at 36, and resolves no more documents', async () => {
  const counted = async (services: number) => {
    const work = mkdtempSync(join(tmpdir(), 'cellwall-edits-'));
    const scale = { services, dependencies: 3 };
    const { translations, resolves, documents, parsed } = await measureEdits(
      { work, progress: () => undefined },
      { scale, maxProxies: services, edits: 2 },
    );
    return { translations, resolves, documents, parsed };
  };
  const few = await counted(12);
  expect(few).toMatchObject({ translations: 1, resolves: 1 });
  expect(await counted(36)).toEqual(few);
}, 120_000);
