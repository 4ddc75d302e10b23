// A table stays one, whatever its cells hold: names that others chose move nothing beside them.

import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellOf, widthOf } from '../../src/cli/output/cell.ts';
import { formatFields, formatTable } from '../../src/cli/output/table.ts';

/** As Node's own line editor counts columns. */
function columnsOf(text: string): number {
  const editor = createInterface({ input: new PassThrough(), output: new PassThrough(), terminal: true, prompt: '' });
  editor.setPrompt(text);
  const { cols } = editor.getCursorPos();
  editor.close();
  return cols;
}

const hostile = fc.constantFrom(
  ...[
    '\u001b[2J',
    '\u001b]8;;http://x\u0007',
    '\r',
    '\n',
    '\t',
    '\b',
    '\u0000',
    '\u009b31m',
    '\u202e',
    '\u2066',
    '\u200b',
  ],
  ...[
    '\u00ad',
    '\u2028',
    '\ufeff',
    '中文',
    'ｆｕｌｌ',
    '한',
    '😀',
    '👩‍👩‍👧',
    '🇩🇪',
    '❤\ufe0f',
    'שלום',
    'مرحبا',
    'e\u0301',
    'a\u0300\u0301\u0302\u0303',
  ],
  ...['\ud800', '\u3164', '\u{e0001}', '\u{10fffd}', '\u0378', '/', ' ', '~', 'x'.repeat(30), '  gone  ', '…'],
);
const cell = fc
  .array(fc.oneof(hostile, fc.string({ unit: 'binary', maxLength: 6 })), { maxLength: 8 })
  .map((parts) => parts.join(''));
/** What a terminal obeys, or writes in the other direction. */
const obeyed =
  /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

describe('a cell', () => {
  it.each([
    ['plain-name', 10],
    ['中文', 4],
    ['ｆｕｌｌ', 8],
    ['한국', 4],
    ['😀', 2],
    ['e\u0301', 1],
    ['…·é', 3],
    ['⌚', 2],
    ['♥', 1],
  ])('%s has the width of what is drawn', (text, width) => {
    expect(cellOf(text)).toBe(text);
    expect([widthOf(text), columnsOf(text)]).toEqual([width, width]);
  });

  it('writes letters from right to left as numbers: columns beside them would change places', () => {
    expect(cellOf('a \u05e9\u05dc 3/4')).toBe('a \\u05e9\\u05dc 3/4');
    expect(cellOf('\u{10d00}')).toBe('\\ud803\\udd00');
  });

  it('has marks only on a letter, and no heaps of them', () => {
    expect(cellOf('\u0301a')).toBe('\\u0301a');
    expect(cellOf('a\u0300\u0301\u0302')).toBe('a\u0300\u0301\\u0302');
  });

  it('is cut where it is longer than any name, and says so', () => {
    expect(cellOf('x'.repeat(10_000))).toMatch(/^x{4096}… \(10000 characters\)$/);
  });
});

describe('a table of any cells', () => {
  it('fits its width, has nothing that a terminal obeys, and a row is no more lines than its longest cell needs', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { maxLength: 6 }),
        fc.integer({ min: 40, max: 120 }),
        (rows, width) => {
          const text = formatTable(['ONE', 'SECOND', 'THIRD ONE'], rows, width);
          expect(text).not.toMatch(obeyed);
          for (const line of text.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(width);
          const fields = formatFields(
            rows.map(([name, value]) => [cellOf(name).slice(0, 9), value] as const),
            width,
          );
          expect(fields).not.toMatch(obeyed);
        },
      ),
    );
  });

  it('has its last column at one place', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 6 }), (rows) => {
        const lines = formatTable(
          ['ONE', 'SECOND', 'END'],
          rows.map((row) => [...row, 'END']),
        )
          .trimEnd()
          .split('\n');
        expect(lines.length).toBe(rows.length + 1);
        const at = lines.map((line) => widthOf(line.slice(0, -'END'.length)));
        expect(new Set(at).size).toBe(1);
        expect(lines.every((line) => line.endsWith('   END'))).toBe(true);
      }),
    );
  });
});
