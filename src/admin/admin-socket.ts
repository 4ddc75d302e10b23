// The admin API's socket, in the data folder: whoever may enter that folder may connect. Its place, and what is checked before it is
// created or used.
import { lstatSync, rmSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CellwallError } from '../lib/errors.ts';

/** sun_path has 108 bytes on Linux, 104 elsewhere, one of them for the terminator. */
const maxPathBytes = 103;

export function adminSocketPath(data: string): string {
  return join(data, 'admin.sock');
}

/** Whether the system accepts a socket at this path. */
export function fitsSocket(path: string): boolean {
  return Buffer.byteLength(path) <= maxPathBytes;
}

/** True if there is a socket. */
export function isSocket(path: string): boolean {
  return stat(path)?.isSocket() === true;
}

/** Removes what a killed control plane left behind. Throws `failed_precondition` if something else is there. */
export function clearSocket(path: string): void {
  const found = stat(path);
  if (found === undefined) return;
  if (!found.isSocket()) throw refused(path, 'is not a socket', `move ${path} away`);
  rmSync(path);
}

/**
 * Throws `failed_precondition` unless the socket belongs to this user (or, for root, to its folder's owner), only its owner can connect to
 * it, and nobody else can replace it in its folder.
 */
export function checkSocket(path: string, me: number = process.geteuid?.() ?? 0): void {
  if (!fitsSocket(path)) throw refused(path, `is longer than ${maxPathBytes} bytes`, 'name a shorter path');
  const [socket, folder] = [stat(path), stat(dirname(path), statSync)];
  if (socket === undefined || folder === undefined) {
    throw new CellwallError('unavailable', `cannot reach the control plane at ${path}: there is no such socket`, {
      hint: 'start it with "cellwall serve", or name its data directory with --data (CELLWALL_DATA)',
    });
  }
  if (!socket.isSocket()) throw refused(path, 'is not a socket', 'name the admin.sock of its data directory');
  const trusted = (uid: number): boolean => uid === me || uid === 0 || (me === 0 && uid === folder.uid);
  if (!trusted(socket.uid) || !trusted(folder.uid)) {
    throw refused(path, `belongs to another user (${socket.uid})`, 'run the command as the user of the control plane');
  }
  if ((socket.mode & 0o077) !== 0) throw refused(path, 'can be connected to by other users', `chmod 600 ${path}`);
  if ((folder.mode & 0o002) !== 0) {
    throw refused(path, 'is in a folder that other users can write to', `chmod 700 ${dirname(path)}`);
  }
}

function stat(path: string, of: (path: string) => Stats = lstatSync): Stats | undefined {
  try {
    return of(path);
  } catch (reason) {
    const code = reason instanceof Error && 'code' in reason ? reason.code : undefined;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOTDIR') return undefined;
    throw reason;
  }
}

function refused(path: string, why: string, hint: string): CellwallError {
  return new CellwallError('failed_precondition', `the admin socket ${path} ${why}`, { hint });
}
