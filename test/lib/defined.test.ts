import { expect, it } from 'vitest';
import { defined } from '../../src/lib/defined.ts';

it('keeps fields with a value, whatever it is, and leaves out the others', () => {
  const hint: string | undefined = undefined;
  const fields = defined({ name: 'a', hint, none: null, zero: 0, empty: '', no: false });
  expect(Object.keys(fields)).toEqual(['name', 'none', 'zero', 'empty', 'no']);
  const narrow: { readonly name: string; readonly hint?: string } = fields;
  expect(narrow.name).toBe('a');
});
