// Writes files into the directory: first new text to temporary files, then renames, so that a reader sees each file complete or not at all.
import { randomBytes } from 'node:crypto';
import { open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { atATime } from '../../lib/at-a-time.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { JournalEntry } from '../sqlite/state-database.ts';

export interface PreparedWrite {
  /** Renames everything into place; restores what was there if one rename fails. */
  commit(): Promise<void>;
  /** Removes the prepared files. */
  discard(): Promise<void>;
}

interface Prepared {
  readonly entry: JournalEntry;
  readonly target: string;
  /** Absent if the file is removed. */
  readonly temp?: string;
}

const filesAtOnce = 16;
const temporary = /^\.cellwall-[0-9a-f]{16}\.tmp$/;

/** Whether a file of that name was prepared by us and not yet renamed into place. */
export function isTemporary(name: string): boolean {
  return temporary.test(name);
}

/** Writes the new texts to temporary files, synced to disk. */
export async function prepareWrite(root: string, entries: readonly JournalEntry[]): Promise<PreparedWrite> {
  const temps: string[] = [];
  const discard = async (): Promise<void> => {
    await atATime(filesAtOnce, temps, (temp) => rm(temp, { force: true }));
  };
  const prepare = async (entry: JournalEntry): Promise<Prepared> => {
    const path = join(root, entry.path);
    if (entry.after === null) return { entry, target: path };
    // Through a link inside the directory to the file itself, so that the link remains one.
    const target = await realpath(path).catch(() => path);
    const temp = await writeBeside(target, entry.after);
    temps.push(temp);
    return { entry, target, temp };
  };
  let prepared: readonly Prepared[];
  try {
    prepared = await atATime(filesAtOnce, entries, prepare);
  } catch (reason) {
    await discard();
    throw writeError(reason);
  }
  return {
    discard,
    async commit() {
      const done: Prepared[] = [];
      try {
        await atATime(filesAtOnce, prepared, async (item) => {
          if (item.temp === undefined) await rm(item.target, { force: true });
          else await rename(item.temp, item.target);
          done.push(item);
        });
      } catch (reason) {
        for (const { entry, target } of done) await restore(target, entry.before);
        await discard();
        throw writeError(reason);
      }
    },
  };
}

/** Whether all of them are still what they were before. */
export async function stillBefore(root: string, entries: readonly JournalEntry[]): Promise<boolean> {
  const same = await atATime(
    filesAtOnce,
    entries,
    async ({ path, before }) => (await currentText(root, path)) === before,
  );
  return same.every(Boolean);
}

/** The text of a file below the root now; `null` if there is none. */
async function currentText(root: string, path: string): Promise<string | null> {
  try {
    return await readFile(join(root, path), 'utf8');
  } catch (reason) {
    if (codeOf(reason) === 'ENOENT') return null;
    throw reason;
  }
}

/** Completes a write that a crash interrupted. What somebody has edited since is left alone. */
export async function finishWrite(root: string, entries: readonly JournalEntry[]): Promise<void> {
  for (const entry of entries) {
    if ((await currentText(root, entry.path)) !== entry.before) continue;
    const write = await prepareWrite(root, [entry]);
    await write.commit();
  }
}

/** Removes temporary files that an interrupted write left behind. */
export async function removeTemporary(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names) if (isTemporary(name)) await rm(join(folder, name), { force: true }).catch(() => {});
  }
}

async function restore(target: string, text: string | null): Promise<void> {
  if (text === null) await rm(target, { force: true });
  else await rename(await writeBeside(target, text), target);
}

async function writeBeside(target: string, text: string): Promise<string> {
  const temp = join(dirname(target), `.cellwall-${randomBytes(8).toString('hex')}.tmp`);
  const mode = await stat(target).then(
    (info) => info.mode & 0o777,
    () => 0o644,
  );
  const handle = await open(temp, 'wx', mode);
  try {
    await handle.chmod(mode);
    await handle.writeFile(text);
    await handle.sync();
  } catch (reason) {
    await rm(temp, { force: true });
    throw reason;
  } finally {
    await handle.close();
  }
  return temp;
}

/** Why a write failed, and what to do. */
export function writeError(reason: unknown): CellwallError {
  const code = codeOf(reason);
  const message = CellwallError.from(reason).message;
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    return new CellwallError('failed_precondition', `the directory of documents is read-only here: ${message}`, {
      hint: 'change the files where they come from (a repository, a ConfigMap); they are picked up as soon as they change',
      cause: reason,
    });
  }
  return new CellwallError('unavailable', `cannot write the documents: ${message}`, {
    hint: code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : 'nothing was changed; try again',
    cause: reason,
  });
}

function codeOf(reason: unknown): unknown {
  return reason instanceof Error && 'code' in reason ? reason.code : undefined;
}
