// What others wrote, printed by our commands: nothing in it steers the terminal, in any format, and nothing of it is lost.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Format, print } from '../../../src/cli/output/print.ts';
import { formatTable } from '../../../src/cli/output/table.ts';
import { textLine } from '../../../src/lib/text-line.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not come out
const steers = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff]/;
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
  await print({ stdout: { write: (more) => (text += more) } }, format, { value, table: () => '' });
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

it('tables and the log on a terminal', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      expect(formatTable(['A'], [[text]])).not.toMatch(steers);
      expect(textLine(`${JSON.stringify({ level: 30, msg: text, more: text })}\n`)).not.toMatch(steers);
      expect(textLine(`${text.replaceAll('\n', '')}\n`)).not.toMatch(steers);
    }),
  );
});
