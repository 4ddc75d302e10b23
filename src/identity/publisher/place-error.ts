// Why a place on a file system could not be read or written, and what to do about it.
import { CellwallError } from '../../lib/errors.ts';

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on that disk',
  EDQUOT: 'make room on that disk: its quota is used up',
  EROFS: 'that file system is read-only: mount it for writing, or name another folder',
  EACCES: 'may the user of "cellwall serve" write there?',
  EPERM: 'may the user of "cellwall serve" write there?',
  ENOENT: 'is its volume mounted? Only the folder itself is made, not what is above it',
  ENOTDIR: 'something above it is no folder',
  EISDIR: 'move away the folder that has its name',
  ENOTEMPTY: 'move away the folder that has its name',
};

/** `what`: as in "cannot write /srv/trust/bundle.pem". */
export function placeError(what: string, cause: unknown): CellwallError {
  const code = codeOf(cause);
  return new CellwallError('unavailable', `${what} (${code})`, { hint: hints[code] ?? 'is that disk well?', cause });
}

/** `ENOENT`, `EACCES` … */
export function codeOf(reason: unknown): string {
  return reason instanceof Error && 'code' in reason ? String(reason.code) : 'unknown error';
}
