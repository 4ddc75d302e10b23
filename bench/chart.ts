// A line chart with logarithmic axes, as SVG: a straight line is a power, and its slope the exponent.

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
}

const [leastWidth, height] = [760, 420];
/** Of a letter of the names beside the lines, in the widest of the common fonts. */
const letter = 7.8;
const inner = { left: 76, right: 560, top: 48, bottom: 360 };
/** Distinguishable with the common colour vision deficiencies (Okabe and Ito). */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
const grey = '#888';

/** Points that are not above 0 are left out. */
export function logChart({ title, x, y, series }: Chart): string {
  const drawn = series.map(({ name, points }) => ({ name, points: points.filter(([a, b]) => a > 0 && b > 0) }));
  const all = drawn.flatMap(({ points }) => points);
  if (all.length === 0)
    return svg([text(leastWidth / 2, height / 2, `${title}: nothing was measured`, 'middle')], leastWidth);
  const xs = scale(
    all.map(([one]) => one),
    inner.left,
    inner.right,
  );
  const ys = scale(
    all.map(([, one]) => one),
    inner.bottom,
    inner.top,
  );
  const width = Math.max(leastWidth, inner.right + 24 + letter * Math.max(...drawn.map(({ name }) => name.length)));
  // What was measured is named, and nothing between.
  const sizes = [...new Set(all.map(([one]) => one))].sort((a, b) => a - b);
  const ends = spread(drawn.map(({ points }) => ys.at(points.at(-1)?.[1] ?? 1)));
  return svg(
    [
      text(inner.left, 24, title, 'start', 'font-size="16" font-weight="bold"'),
      ...(sizes.length <= 8 ? sizes : xs.ticks).flatMap((tick) => [
        line(xs.at(tick), inner.top, xs.at(tick), inner.bottom, tick),
        text(xs.at(tick), inner.bottom + 18, label(tick), 'middle'),
      ]),
      ...ys.ticks.flatMap((tick) => [
        line(inner.left, ys.at(tick), inner.right, ys.at(tick), tick),
        text(inner.left - 8, ys.at(tick) + 4, label(tick), 'end'),
      ]),
      text((inner.left + inner.right) / 2, height - 14, x, 'middle'),
      `<text transform="translate(18 ${(inner.top + inner.bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
      ...drawn.flatMap(({ name, points }, index) => {
        const colour = colours[index % colours.length] ?? grey;
        const at = points.map(([a, b]) => `${round(xs.at(a))},${round(ys.at(b))}`);
        return [
          `<polyline points="${at.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
          ...at.map(
            (point) => `<circle cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="3.5" fill="${colour}"/>`,
          ),
          text(inner.right + 12, (ends[index] ?? 0) + 4, name, 'start', `fill="${colour}"`),
        ];
      }),
    ],
    Math.ceil(width),
  );
}

/** Whole powers of ten around the values, with 2 and 5 between them where there are few. */
function scale(values: readonly number[], from: number, to: number) {
  const [least, most] = [Math.min(...values), Math.max(...values)].map((value) => Math.log10(value));
  const [low, high] = [Math.floor((least ?? 0) * 3 + 1e-9) / 3, Math.ceil((most ?? 1) * 3 - 1e-9) / 3];
  const span = Math.max(high - low, 1 / 3);
  const at = (value: number): number => from + ((Math.log10(value) - low) / span) * (to - from);
  const steps = span > 3 ? [1] : [1, 2, 5];
  const powers = Array.from(
    { length: Math.ceil(high) - Math.floor(low) + 1 },
    (_, index) => 10 ** (Math.floor(low) + index),
  );
  const ticks = powers
    .flatMap((power) => steps.map((step) => step * power))
    .filter((tick) => Math.log10(tick) >= low - 1e-9 && Math.log10(tick) <= low + span + 1e-9);
  return { at, ticks };
}

/** Names beside the ends of lines, none over another. */
function spread(wanted: readonly number[]): readonly number[] {
  const order = wanted.map((at, index) => ({ at, index })).sort((a, b) => a.at - b.at);
  const placed: number[] = [];
  let free = 0;
  for (const { at, index } of order) {
    const here = Math.max(at, free);
    placed[index] = here;
    free = here + 16;
  }
  return placed;
}

function label(value: number): string {
  return value >= 1 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(1)));
}

function line(x1: number, y1: number, x2: number, y2: number, tick: number): string {
  const isPower = Math.abs(Math.log10(tick) - Math.round(Math.log10(tick))) < 1e-9;
  const at = `x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"`;
  return `<line ${at} stroke="${grey}" stroke-opacity="${isPower ? 0.5 : 0.2}"/>`;
}

function text(x: number, y: number, words: string, anchor: string, more = ''): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" ${more}>${escaped(words)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function svg(parts: readonly string[], width: number): string {
  const box = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${box} font-family="sans-serif" font-size="13" fill="#222">`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
