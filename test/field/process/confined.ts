// Runs the program as the most confined containers do: a random uid without an entry, no HOME, a file system that is read-only but for one
// folder, where this machine lets the test do so; else as far as it does, and says how far.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../../bin/cellwall.cjs', import.meta.url));
const uid = 54_321;

export interface Confined {
  /** Whether it is a uid without an entry, and whether all but the folder is read-only. */
  readonly how: 'read-only and a random uid' | 'a random uid' | 'no HOME';
  start(args: readonly string[], env?: Readonly<Record<string, string>>, stderr?: number): ChildProcess;
}

/** In a mount namespace of its own; each process has one, and they share the folder. */
const readOnly = `
mount --make-rprivate / && mount --bind "$0" "$0" || exit 98
while read -r _ at _; do
  case "$at" in /proc*|/sys*|/dev*|"$0") ;; *) mount -o remount,bind,ro "$at" 2>/dev/null ;; esac
done < /proc/self/mounts
! touch "$0/../written" 2>/dev/null || exit 97
exec setpriv --reuid ${uid} --regid 0 --clear-groups "$@"`;

/** `folder` is what may be written; `cwd` is where it is started. */
export function confine(folder: string, cwd: string): Confined {
  const ways: readonly (readonly [Confined['how'], readonly string[]])[] = [
    ['read-only and a random uid', ['unshare', '-m', 'sh', '-c', readOnly, folder]],
    ['a random uid', ['setpriv', '--reuid', String(uid), '--regid', '0', '--clear-groups']],
    ['no HOME', ['env']],
  ];
  if (process.getuid?.() === 0) chownSync(folder, uid, 0);
  const found = ways.find(([, wrapper]) => runs(wrapper, cwd));
  if (found === undefined) throw new Error('the program does not run');
  const [how, [command = '', ...before]] = found;
  return {
    how,
    start: (args, env = {}, stderr) =>
      spawn(command, [...before, process.execPath, bin, ...args], {
        cwd,
        env: { PATH: '/usr/bin:/bin', ...env },
        stdio: ['ignore', 'pipe', stderr ?? 'pipe'],
      }),
  };
}

function runs([command = '', ...before]: readonly string[], cwd: string): boolean {
  try {
    execFileSync(command, [...before, process.execPath, bin, '--version'], { cwd, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
