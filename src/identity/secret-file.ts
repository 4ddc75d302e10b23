// Files that contain keys: mode 0600 in folders of mode 0700, never symlinks, written completely or not at all.
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { CellwallError } from '../lib/errors.ts';
import { makeFolder } from '../lib/make-folder.ts';

/** Makes `path` (and its parents) a folder of mode 0700; refuses a symlink or a wider mode. */
export function ensureSecretFolder(path: string): void {
  try {
    if (makeFolder(path, 0o700)) chmodSync(path, 0o700);
  } catch (cause) {
    throw unwritable('make the folder', path, cause);
  }
  const stat = lstatSync(path);
  if (!stat.isDirectory()) throw refused(path, 'is a symlink or no folder', 'name the folder itself');
  if ((stat.mode & 0o077) !== 0) throw refused(path, `has mode ${octal(stat.mode)}`, `chmod 700 ${path}`);
}

/**
 * The data folder of a process, which makes everything in it itself: made with mode 0700 if it is not there. One that others may look into
 * is closed to them, which `tell` hears; one that they may write to is refused, as they may have put something there. May be a symlink.
 */
export function ensureDataFolder(path: string, tell: (message: string) => void): void {
  try {
    if (makeFolder(path, 0o700)) chmodSync(path, 0o700);
  } catch (cause) {
    throw unwritable('make the folder', path, cause);
  }
  const folder = realpathSync(path);
  const { mode } = lstatSync(folder);
  if ((mode & 0o022) !== 0) {
    const hint = `if nobody else has put anything there: chmod 700 ${path}; or name a new folder in it`;
    throw refused(path, `has mode ${octal(mode)}, so that others may write to it`, hint);
  }
  if ((mode & 0o077) === 0) return;
  try {
    chmodSync(folder, 0o700);
  } catch {
    throw refused(path, `has mode ${octal(mode)}, and is not this user's`, `chmod 700 ${path}`);
  }
  tell(`${path} had mode ${octal(mode)}, and has 0700 now: keys are kept where only their owner can look`);
}

/** The content of a key file. Throws `failed_precondition` for a symlink or a mode wider than 0600. */
export function readSecretFile(path: string): string {
  let file: number;
  try {
    // O_NOFOLLOW and fstat on the open file: what is checked is what is read.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ELOOP') throw refused(path, 'is a symlink', 'put the file itself there');
    if (code === 'ENOENT') throw new CellwallError('not_found', `no file ${path}`, { cause });
    throw new CellwallError('failed_precondition', `cannot read ${path} (${String(code)})`, { cause });
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw refused(path, 'is no regular file', 'put the key file itself there');
    if ((stat.mode & 0o077) !== 0) throw refused(path, `has mode ${octal(stat.mode)}`, `chmod 600 ${path}`);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/**
 * Writes atomically: a temporary file in the same folder, synced unless it can be created again, renamed over `path`. Throws
 * `failed_precondition` if the disk is full or not writable; then what was there before stays.
 */
export function writeSecretFile(path: string, content: string, mode = 0o600, sync = true): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  let made = false;
  try {
    const file = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
    made = true;
    try {
      // All of it: write(2) alone may write only part on a disk that is nearly full.
      writeFileSync(file, content);
      if (sync) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (cause) {
    if (made) rmSync(temporary, { force: true });
    throw unwritable('write', path, cause);
  }
}

function unwritable(what: string, path: string, cause: unknown): CellwallError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new CellwallError('failed_precondition', `cannot ${what} ${path} (${code})`, {
    hint: full ? 'make room on that disk' : 'may this user write there? --data names another folder',
    cause,
  });
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}

function refused(path: string, why: string, hint: string): CellwallError {
  return new CellwallError('failed_precondition', `${path} ${why}: keys are kept where only their owner can read`, {
    hint,
  });
}
