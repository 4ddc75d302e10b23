// What others wrote, printed by our commands: nothing in it steers the terminal, in any format, and nothing of it is lost.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Format, print } from '../../../src/cli/output/print.ts';
import { formatTable } from '../../../src/cli/output/table.ts';
import { textLine } from '../../../src/lib/text-line.ts';

const steers = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/u;
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      '\u009b',
      '\u202e',
      '\u001b',
      '\u0000',
      '\u007f',
      '\u2066',
      '\ufeff',
      '\u0085',
      '\u00ad',
      '\u2028',
      '\u206a',
      '\u3164',
      '\ufff9',
      '\u{e0041}',
      '\u{1d173}',
      '\n',
      ':',
      '"',
      "'",
      '#',
      'a',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});

async function printed(format: Format, value: unknown): Promise<string> {
  let text = '';
  await print({ stdout: { write: (more) => (text += more) } }, format, { value, table: () => String(value) });
  return text;
}

it.each(['json', 'yaml'] as const)('-o %s: no control character, and the value comes back', async (format) => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(hostile, hostile), fc.array(hostile), async (fields, list) => {
      const value = { fields: Object.fromEntries(Object.entries(fields)), list };
      const text = await printed(format, value);
      expect(text).not.toMatch(steers);
      expect(format === 'json' ? JSON.parse(text) : parse(text)).toEqual(value);
    }),
    { numRuns: 300 },
  );
});

it('tables and the log on a terminal, also what a command did not escape itself', async () => {
  await fc.assert(
    fc.asyncProperty(hostile, async (text) => {
      expect(await printed('table', text)).not.toMatch(steers);
      expect(formatTable(['A'], [[text]])).not.toMatch(steers);
      expect(textLine(`${JSON.stringify({ level: 30, msg: text, more: text })}\n`)).not.toMatch(steers);
      expect(textLine(`${text.replaceAll('\n', '')}\n`)).not.toMatch(steers);
    }),
  );
});
