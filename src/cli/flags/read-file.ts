// Reads a file given by the user, or says why that is not possible.
import { readFileSync, statSync } from 'node:fs';
import { CellwallError } from '../../lib/errors.ts';
import { maxYamlBytes, maxYamlMiB } from '../../model/yaml/max-yaml.ts';

/** `what`: put before the path in messages, for files that are not documents. */
export function readFile(path: string, what = ''): Buffer {
  try {
    if (statSync(path).size > maxYamlBytes) {
      throw new CellwallError('invalid_argument', `${path} is larger than ${maxYamlMiB} MiB`);
    }
    return readFileSync(path);
  } catch (reason) {
    throw unreadable(path, reason, what);
  }
}

/** Why a path cannot be read. */
export function unreadable(path: string, reason: unknown, what = ''): CellwallError {
  if (reason instanceof CellwallError) return reason;
  const code = reason instanceof Error && 'code' in reason ? String(reason.code) : String(reason);
  const why = reasons[code] ?? code;
  return new CellwallError('not_found', `cannot read ${what}${path}: ${why}`, { cause: reason });
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'not permitted for this user',
  EISDIR: 'it is a directory',
  ENOTDIR: 'there is no such file',
};
