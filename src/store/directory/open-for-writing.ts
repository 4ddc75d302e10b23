// Which file a process on this machine still has open for writing: its writer is not done, however long it pauses. Linux shows this for the
// processes that this user may see; elsewhere (and over a network) it is unknown, and only the settle time decides.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Maximum number of descriptors that are checked. */
const maxDescriptors = 50_000;
/** Number of processes per turn. */
const atATime = 16;

/** The first of `paths` (real ones) that is open for writing. */
export async function openForWriting(paths: ReadonlySet<string>, proc = '/proc'): Promise<string | undefined> {
  let descriptors = 0;
  let processes = 0;
  for (const pid of names(proc)) {
    if (!/^\d+$/.test(pid)) continue;
    if (++processes % atATime === 0) await new Promise((resolve) => setImmediate(resolve));
    for (const descriptor of names(join(proc, pid, 'fd'))) {
      if (++descriptors > maxDescriptors) return undefined;
      const target = tried(() => readlinkSync(join(proc, pid, 'fd', descriptor)));
      if (target === undefined || !paths.has(target)) continue;
      if (writes(tried(() => readFileSync(join(proc, pid, 'fdinfo', descriptor), 'utf8')))) return target;
    }
  }
  return undefined;
}

/** `flags:` is octal; its two lowest bits are the access mode: 0 is read-only. */
function writes(fdinfo = ''): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(fdinfo)?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & 3) !== 0;
}

function names(folder: string): readonly string[] {
  return tried(() => readdirSync(folder)) ?? [];
}

/** Processes exit meanwhile, and those of others may not be inspected. */
function tried<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
