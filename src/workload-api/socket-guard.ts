// Who may open a socket is attested by the socket's owner and mode, and by nothing else: Node cannot ask who is at the other end
// (SO_PEERCRED). So these are set before anybody can connect, looked at for each connection, and the folder must be one in which nobody
// else can put another socket.
import { chmodSync, chownSync, lstatSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { CellwallError } from '../lib/errors.ts';
import type { SocketPath } from '../lib/socket-path.ts';

/** Numbers: Node does not know names. */
export interface SocketOwner {
  readonly uid: number;
  readonly gid: number;
}

export interface SocketGuard {
  /** What is wrong with the socket now; undefined if it is as it was set. */
  wrong(): string | undefined;
}

/** Throws `failed_precondition` for a folder that others can write to, or that somebody else owns. */
export function checkSocketFolder({ path }: SocketPath): void {
  const folder = dirname(path);
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isDirectory()) {
    throw refused(path, 'its folder is not there', `mkdir -m 0755 ${folder}`);
  }
  const own = process.geteuid?.() ?? 0;
  if (stat.uid !== own && stat.uid !== 0) {
    throw refused(
      path,
      `its folder belongs to user ${stat.uid}, who could put another socket there`,
      'name another folder',
    );
  }
  if ((stat.mode & 0o022) !== 0) {
    const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
    throw refused(path, `its folder has mode ${mode}: others could put another socket there`, `chmod go-w ${folder}`);
  }
}

/** Of a socket that has just been made, and which nobody but this user can open so far. */
export function guardSocket({ path }: SocketPath, mode: number, owner: SocketOwner | undefined): SocketGuard {
  try {
    if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
    chmodSync(path, mode);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw refused(path, `owner and mode cannot be set (${code})`, 'only root may give a socket to another user');
  }
  const made = lstatSync(path);
  return {
    wrong() {
      const now = lstatSync(path, { throwIfNoEntry: false });
      if (now === undefined) return 'it was removed';
      if (now.ino !== made.ino || now.dev !== made.dev) return 'another one is in its place';
      if (now.uid !== made.uid || now.gid !== made.gid) return `its owner is ${now.uid}:${now.gid} now`;
      if (now.mode !== made.mode) return `its mode is ${(now.mode & 0o777).toString(8).padStart(4, '0')} now`;
      return undefined;
    },
  };
}

export function refused(path: string, why: string, hint: string): CellwallError {
  return new CellwallError('failed_precondition', `the socket ${path} of the Workload API: ${why}`, { hint });
}
