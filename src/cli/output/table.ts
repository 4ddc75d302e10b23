// Tables for people: aligned columns, a heading in capitals, every cell escaped. With a width, long cells go on in the lines below: nothing
// is left out.
import { cellOf, fits, widthOf } from './cell.ts';

const gap = 3;
/** Where lines must be short. */
const narrowGap = 2;
/** A column is never narrower than this, or than the longest word of its heading. */
const least = 5;

/** `width`: of a line; default: as wide as it gets, a row a line. */
export function formatTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  width = Number.POSITIVE_INFINITY,
): string {
  const cells = [heading, ...rows].map((row) => row.map(cellOf));
  const natural = heading.map((_, column) => widest(cells.map((row) => row[column] ?? '')));
  const between = Number.isFinite(width) ? narrowGap : gap;
  const widths = narrowed(natural, heading, width - between * (heading.length - 1));
  return cells
    .flatMap((row) => linesOf(row.map((cell, column) => wrap(cell, widths[column] ?? 0))))
    .map((line) => line.map((cell, column) => padded(cell, widths[column] ?? 0)).join(' '.repeat(between)))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** Aligned `name  value` lines. */
export function formatFields(
  fields: readonly (readonly [name: string, value: string])[],
  width = Number.POSITIVE_INFINITY,
): string {
  const left = Math.max(...fields.map(([name]) => name.length)) + gap;
  return fields
    .flatMap(([name, value]) =>
      wrap(cellOf(value), Math.max(width - left, least)).map((line, at) => (at === 0 ? name : '').padEnd(left) + line),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** The widest columns give way, all to the same width. */
function narrowed(natural: readonly number[], heading: readonly string[], room: number): readonly number[] {
  const total = (widths: readonly number[]): number => widths.reduce((sum, width) => sum + width, 0);
  const words = heading.map((name) => Math.max(...name.split(' ').map(({ length }) => length)));
  let widths = natural;
  for (
    let most = Math.min(Math.max(...natural) - 1, Math.max(room, least));
    total(widths) > room && most >= least;
    most--
  ) {
    widths = natural.map((width, column) => Math.min(width, Math.max(most, words[column] ?? 0)));
  }
  return widths;
}

/** At a space where there is one, else after a mark that ends a part of a name. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let rest = text;
  while (widthOf(rest) > width) {
    const end = fits(rest, width);
    const space = rest.lastIndexOf(' ', end);
    const mark = Math.max(...['/', '~', ':', ',', '.', '-'].map((one) => rest.lastIndexOf(one, end - 1)));
    const at = space > 0 ? space : mark > 0 ? mark + 1 : end;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  return [...lines, rest];
}

/** The lines of a row. */
function linesOf(cells: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) => cells.map((lines) => lines[line] ?? ''));
}

function widest(cells: readonly string[]): number {
  return cells.reduce((most, cell) => Math.max(most, widthOf(cell)), 0);
}

function padded(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(width - widthOf(cell), 0));
}
