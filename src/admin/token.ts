// The admin token: created once, kept in `<data>/admin.token`, readable by its owner only. Whoever can read the file is an operator.
import { randomBytes } from 'node:crypto';
import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CellwallError } from '../lib/errors.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { Redacted } from '../lib/redacted.ts';

const pattern = /^[A-Za-z0-9_-]{43,128}$/;

export function adminTokenFile(data: string): string {
  return join(data, 'admin.token');
}

/** The token of this data directory, created on first use. */
export function createAdminToken(data: string): Redacted<string> {
  const file = adminTokenFile(data);
  const existing = readAdminToken(file);
  if (existing !== undefined) return existing;
  const token = randomBytes(32).toString('base64url');
  makeFolder(dirname(file), 0o700);
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(temporary, `${token}\n`, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(temporary, file);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new CellwallError('unavailable', `cannot write the admin token to ${file}`, {
      hint: 'choose a writable data directory with --data',
      cause,
    });
  }
  return new Redacted(token);
}

/** The token in `file`, or undefined if there is none (or it is not ours to read). A file that others can read is refused. */
export function readAdminToken(file: string): Redacted<string> | undefined {
  let text: string;
  try {
    const stat = lstatSync(file);
    if (!stat.isFile() || (stat.mode & 0o077) !== 0) {
      throw new CellwallError('failed_precondition', `${file} is not a plain file that only its owner can read`, {
        hint: `chmod 600 ${file}, or remove it and restart "cellwall serve" to have a new one made`,
      });
    }
    text = readFileSync(file, 'utf8').trim();
  } catch (reason) {
    if (reason instanceof CellwallError) throw reason;
    const code = reason instanceof Error && 'code' in reason ? reason.code : undefined;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOTDIR') return undefined;
    throw reason;
  }
  if (!pattern.test(text)) {
    throw new CellwallError('failed_precondition', `${file} does not hold an admin token`, {
      hint: 'remove it and restart "cellwall serve" to have a new one made',
    });
  }
  return new Redacted(text);
}
