// What a process holds, as Linux tells it: PSS shares the pages of common files fairly, RSS counts them in full.
import { readFileSync } from 'node:fs';

export interface Memory {
  readonly rssMiB: number;
  readonly pssMiB: number;
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mib = (field: string): number => {
    const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1];
    if (found === undefined) throw new Error(`/proc/${pid}/smaps_rollup has no ${field}`);
    return Math.round(Number(found) / 102.4) / 10;
  };
  return { rssMiB: mib('Rss'), pssMiB: mib('Pss') };
}
