// What a cell of a table holds, and how many columns of a terminal it takes. Names may be chosen by others: nothing in one may move what is
// beside it.
import { escapeLine } from '../../lib/escape.ts';

/** No name and no reason is longer; whoever wants all of a long text has -o json. */
const maxLength = 4096;

/**
 * Beyond what escapeLine shows: letters that are written from right to left, beside which terminals put the following columns in another
 * order (UAX #9); what has no width of its own yet (unassigned), or changes that of what is before it (variation selectors).
 */
const unruly =
  /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\u{10800}-\u{10fff}\u{1e800}-\u{1efff}\p{Cn}]|\p{Variation_Selector}/gu;
/** Marks with nothing below them in the cell, and heaps of them, which reach into other lines. */
const heaped = /^\p{M}|(?<=\p{M}\p{M})\p{M}/gu;
const plain = /^[\x20-\x7e]*$/;
/** A character with its marks. */
const drawn = /\P{M}\p{M}*|\p{M}/gu;
const mark = /^[\p{Mn}\p{Me}]/u;
/** Two columns (UAX #11: wide and fullwidth): East Asian scripts, symbols, what is beyond the first plane. */
const wide = new RegExp(
  `^[${[
    ...[
      String.raw`\u1100-\u115f\u2329\u232a\u2630-\u2637\u268a-\u268f\u2e80-\u303e\u3041-\u4dff\u4e00-\ua4cf\ua960-\ua97c`,
    ],
    ...[String.raw`\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6`],
    ...[String.raw`\u{16fe0}-\u{18cff}\u{1aff0}-\u{1b2ff}\u{1d300}-\u{1d376}\u{20000}-\u{3fffd}\p{Emoji_Presentation}`],
  ].join('')}]`,
  'u',
);

export function cellOf(text: string): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}… (${text.length} characters)` : text;
  if (plain.test(cut)) return cut;
  return escapeLine(cut).replaceAll(unruly, numbered).replaceAll(heaped, numbered);
}

/** Of what `cellOf` returned, in columns. */
export function widthOf(text: string): number {
  if (plain.test(text)) return text.length;
  return [...text].reduce((sum, character) => sum + widthOfOne(character), 0);
}

/** The index up to which it fits into so many columns; at least one character. */
export function fits(text: string, width: number): number {
  if (plain.test(text)) return Math.min(Math.max(width, 1), text.length);
  let [end, taken] = [0, 0];
  for (const [character] of text.matchAll(drawn)) {
    taken += widthOf(character);
    if (taken > width && end > 0) break;
    end += character.length;
  }
  return end;
}

function widthOfOne(character: string): number {
  if (mark.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}

function numbered(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');
}
