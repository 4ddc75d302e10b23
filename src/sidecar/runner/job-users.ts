// A user for each job that runs: a number that no other job has, and under which no process runs. In turn, so that what a job left behind
// (a process that hides, a file with the setuid bit) is not soon the next one's.
import { readdirSync, readFileSync } from 'node:fs';
import { CellwallError } from '../../lib/errors.ts';

export interface JobUsers {
  /** Throws `resource_exhausted`. */
  take(): number;
  /** One that a process before this one took. False if it is none of these. */
  keep(user: number): boolean;
  free(user: number): void;
}

export interface UserRange {
  readonly from: number;
  readonly to: number;
}

/** `running`: users with processes now. */
export function createJobUsers({ from, to }: UserRange, running = usersOfProcesses): JobUsers {
  const taken = new Set<number>();
  let next = from;
  return {
    take() {
      const busy = running();
      for (let tried = from; tried <= to; tried += 1) {
        const user = next;
        next = next === to ? from : next + 1;
        if (taken.has(user) || busy.has(user)) continue;
        taken.add(user);
        return user;
      }
      throw new CellwallError('resource_exhausted', `every user from ${from} to ${to} has a job or a process`, {
        hint: 'widen --job-users, or end what jobs left running',
      });
    },
    keep(user) {
      if (user < from || user > to) return false;
      taken.add(user);
      return true;
    },
    free: (user) => void taken.delete(user),
  };
}

/** Real, effective, saved and of files (proc(5)). */
function usersOfProcesses(): ReadonlySet<number> {
  const users = new Set<number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const line = /^Uid:\s+([\d\s]+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1] ?? '';
      for (const user of line.trim().split(/\s+/)) users.add(Number(user));
    } catch {
      // It has ended meanwhile.
    }
  }
  return users;
}
