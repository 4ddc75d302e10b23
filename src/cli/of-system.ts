// Turns an error of the operating system (a read-only disk, a folder of another user) into an error that says what to do.
import { CellwallError } from '../lib/errors.ts';

const reasons: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  EACCES: ['not permitted for this user', 'run it as the owner, or use your own folder with --data'],
  EPERM: ['not permitted for this user', 'run it as the owner, or use your own folder with --data'],
  EROFS: ['the disk is read-only', 'use a writable folder with --data'],
  ENOSPC: ['the disk is full', 'free some space, or use another folder with --data'],
  EDQUOT: ['the quota is used up', 'free some space, or use another folder with --data'],
  EFBIG: ['a limit on the size of files is reached', 'see ulimit -f'],
  ENOENT: ['it does not exist', 'check the path'],
  ENOTDIR: ['a part of the path is not a folder', 'check the path'],
  EISDIR: ['it is a folder', 'give a file'],
  EEXIST: ['it exists, and is not a folder', 'check the path'],
  ELOOP: ['its symbolic links form a loop', 'check the path'],
  ENAMETOOLONG: ['the path is too long', 'give a shorter one'],
  EMFILE: ['too many files are open', 'raise the limit: ulimit -n'],
  ENFILE: ['too many files are open on this host', 'see fs.file-max'],
};

/** Undefined for other errors. */
export function ofSystem(reason: unknown): CellwallError | undefined {
  if (!(reason instanceof Error) || reason instanceof CellwallError || !('code' in reason)) return undefined;
  const [why, hint] = reasons[String(reason.code)] ?? [];
  if (why === undefined || hint === undefined) return undefined;
  const path = 'path' in reason && typeof reason.path === 'string' ? `${reason.path}: ` : '';
  return new CellwallError('failed_precondition', `${path}${why} (${String(reason.code)})`, { hint, cause: reason });
}
