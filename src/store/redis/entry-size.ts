// How long an entry of a table may be as it is written to Redis: what is longer there is not read (anybody may have put it there), so that
// nobody writes it either.
import { clip } from '../../lib/clip.ts';
import { CellwallError } from '../../lib/errors.ts';

/** Of the text in Redis: JSON, with its seal. */
export const maxTextBytes = 4 * 1024 * 1024;

/** Throws `resource_exhausted`: nothing was written, neither there nor here. */
export function checkEntrySize(table: string, key: string, text: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxTextBytes) return;
  const what = `the entry ${clip(key, 100)} of the table ${table}`;
  throw new CellwallError(
    'resource_exhausted',
    `${what} is too long for Redis: ${bytes} bytes, ${maxTextBytes} at most`,
    {
      hint: 'nothing was written; docs/redis.md, "Limits"',
    },
  );
}
