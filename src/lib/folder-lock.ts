// One process at a time in a data folder: a kernel lock on a file there, held through SQLite, because Node has no call for it. It ends with
// its holder, however that exits (even kill -9), so that nothing stale ever blocks a restart.
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CellwallError } from './errors.ts';

export interface FolderLock {
  release(): void;
}

export interface FolderLockOptions {
  readonly folder: string;
  /** Names of the files: `<name>.lock`, and `<name>.pid`, which only says who holds it. */
  readonly name: string;
  /** Shown to whoever comes second. */
  readonly hint: string;
}

/** Throws `failed_precondition` while another holds it. */
export function lockFolder({ folder, name, hint }: FolderLockOptions): FolderLock {
  const file = join(folder, `${name}.lock`);
  const pidFile = join(folder, `${name}.pid`);
  const database = open(file);
  try {
    // Nothing is ever written: the transaction stays open for the lifetime of the process.
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    if (!isBusy(cause)) throw unusable(file, cause);
    throw new CellwallError('failed_precondition', `${folder} is in use: already running as pid ${holder(pidFile)}`, {
      hint,
      cause,
    });
  }
  try {
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  } catch {
    // The disk is full: the lock works without it.
  }
  return { release: () => database.close() };
}

function open(file: string): DatabaseSync {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (cause) {
    // Not opened again if it exists: closing it would release a lock that this process holds (POSIX fcntl).
    if (!hasCode(cause, 'EEXIST')) throw unusable(file, cause);
    chmodSync(file, 0o600);
  }
  return new DatabaseSync(file);
}

function holder(pidFile: string): string {
  try {
    return readFileSync(pidFile, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}

/** SQLITE_BUSY (https://www.sqlite.org/rescode.html#busy). */
function isBusy(reason: unknown): boolean {
  return reason instanceof Error && 'errcode' in reason && reason.errcode === 5;
}

function hasCode(reason: unknown, code: string): boolean {
  return reason instanceof Error && 'code' in reason && reason.code === code;
}

function unusable(file: string, cause: unknown): CellwallError {
  return new CellwallError('unavailable', `cannot lock ${file}: ${CellwallError.from(cause).message}`, {
    hint: 'is its folder writable, and on a file system with locks?',
    cause,
  });
}
