// A temporary folder of this process; if none can be created (a read-only disk), an error that says what to do.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CellwallError } from './errors.ts';

/** Its name begins with `what`. The caller removes it. */
export function temporaryFolder(what: string): string {
  try {
    return mkdtempSync(join(tmpdir(), `cellwall-${what}-`));
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw new CellwallError('failed_precondition', `cannot make a temporary folder in ${tmpdir()} (${code})`, {
      hint: 'name a folder that can be written with TMPDIR',
      cause,
    });
  }
}
