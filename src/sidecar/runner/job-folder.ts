// The folder of a job: has its socket, and shows which user it has, also to a process that comes after the one that gave it.
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CellwallError } from '../../lib/errors.ts';
import { formatSocketPath, parseSocketPath, type SocketPath } from '../../lib/socket-path.ts';
import type { SocketOwner } from '../../workload-api/socket-guard.ts';
import { idPattern, longestId } from './job-response.ts';

export function socketOf(folder: string, job: string): SocketPath {
  return { path: join(folder, job, 'api.sock') };
}

/** Throws `invalid_argument` for a folder in which the socket of some job could not be. */
export function checkLength(folder: string): void {
  if (parseSocketPath(formatSocketPath(socketOf(folder, '9'.repeat(longestId)))) !== undefined) return;
  throw new CellwallError('invalid_argument', `${folder} cannot hold the sockets of jobs`, {
    hint: 'an absolute path without . and .. and of printable letters, at most 78 bytes long',
  });
}

/** Its group may pass through it, nobody else, and nobody but this user may change it. */
export function makeFolder(path: string, owner: SocketOwner | undefined): void {
  // Something that nobody remembers.
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { mode: 0o700 });
  if (owner === undefined) return;
  try {
    chownSync(path, process.geteuid?.() ?? 0, owner.gid);
  } catch (cause) {
    throw new CellwallError('failed_precondition', `${path} cannot be given to group ${owner.gid}`, {
      hint: 'only root may give a folder to a user of another group',
      cause,
    });
  }
  chmodSync(path, 0o710);
}

export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

/** The jobs of a process that was killed, or stopped, and the group of each. Nobody listens at their sockets, which are removed. */
export function leftBehind(folder: string): readonly { readonly job: string; readonly gid: number }[] {
  return readdirSync(folder)
    .filter((name) => idPattern.test(name))
    .map((job) => {
      rmSync(socketOf(folder, job).path, { force: true });
      return { job, gid: lstatSync(join(folder, job)).gid };
    });
}
