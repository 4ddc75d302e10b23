// A folder of files that everybody may read and only this user may write, in a place in which others may have put anything.
import { constants } from 'node:fs';
import { chmod, type FileHandle, lstat, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CellwallError } from '../../lib/errors.ts';
import { codeOf, placeError } from './place-error.ts';

export interface OpenFolder {
  readonly handle: FileHandle;
  /** Refers to the very folder that was opened and checked, whatever its path refers to by now. */
  readonly at: string;
}

/** Undefined if there is none. Throws if it is not a real folder, or anybody may write to it, or may have put it there. */
export async function openPublicFolder(folder: string): Promise<OpenFolder | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    const link = (await lstat(folder).catch(() => undefined))?.isSymbolicLink() === true;
    if (!link && codeOf(cause) !== 'ENOTDIR') throw placeError(`cannot open ${folder}`, cause);
    throw new CellwallError('failed_precondition', `${folder} is ${link ? 'a symlink' : 'no folder'}`, {
      hint: 'name the folder itself',
      cause,
    });
  }
  try {
    // Whoever may write there chooses whom the readers trust.
    if (((await handle.stat()).mode & 0o002) !== 0) {
      throw new CellwallError('failed_precondition', `every user of this host may write to ${folder}`, {
        hint: 'chmod o-w, or name a folder in it: it will be made so that only its owner may write',
      });
    }
    const opened = `/proc/self/fd/${handle.fd}`;
    const there = await lstat(opened).then(
      () => true,
      () => false,
    );
    const at = there ? opened : folder;
    await checkOwners(at, folder);
    return { handle, at };
  } catch (reason) {
    await handle.close();
    throw reason;
  }
}

/**
 * Where every user may write, anybody may have put a folder of theirs first, or in place of ours. Checked up to the root, from the folder
 * that was opened: throws if one of those on the way is in such a place, and belongs neither to this user nor to root.
 */
async function checkOwners(at: string, folder: string): Promise<void> {
  const look = (path: string) =>
    stat(path).catch((cause: unknown) => {
      throw placeError(`cannot look at what is above ${folder}`, cause);
    });
  const trusted = [0, process.geteuid?.() ?? 0];
  let [above, name] = [at, folder];
  let inner = await look(above);
  for (;;) {
    above += '/..';
    const outer = await look(above);
    if ((outer.mode & 0o002) !== 0 && !trusted.includes(inner.uid)) {
      throw new CellwallError(
        'failed_precondition',
        `${name} belongs to another user (${inner.uid}), in a folder that every user of this host may write to`,
        { hint: 'whoever owns it chooses whom the readers trust: remove it, or name a folder elsewhere' },
      );
    }
    if (outer.ino === inner.ino && outer.dev === inner.dev) return;
    [inner, name] = [outer, dirname(name)];
  }
}

/** Made if there is none. */
export async function openedOrMade(folder: string): Promise<OpenFolder> {
  return (await openPublicFolder(folder)) ?? makeFolder(folder);
}

/** Not its parents: if a volume is not mounted, nothing is created in its place. */
async function makeFolder(folder: string): Promise<OpenFolder> {
  try {
    await mkdir(folder, 0o755);
    // Regardless of this process's umask: consumers are other users.
    await chmod(folder, 0o755);
  } catch (cause) {
    // Another process created it meanwhile.
    if (codeOf(cause) !== 'EEXIST') throw placeError(`cannot make the folder ${folder}`, cause);
  }
  const opened = await openPublicFolder(folder);
  if (opened === undefined)
    throw new CellwallError('unavailable', `${folder} is gone again`, { hint: 'who removes it?' });
  return opened;
}

/** The renames as well. A file system that cannot sync a folder keeps them in its own way. */
export async function toDisk(folder: FileHandle): Promise<void> {
  await folder.sync().catch((cause: unknown) => {
    if (!['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(codeOf(cause)))
      throw placeError('cannot sync the folder', cause);
  });
}
