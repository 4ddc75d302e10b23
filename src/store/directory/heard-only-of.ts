// What was heard of without a change: after `apply` has written a file, and when somebody saves what was there, only the files that the
// notifications are about are looked at, and not all that there are.
import { lstat } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { atATime } from '../../lib/at-a-time.ts';
import { type ListedFile, listed } from './list-directory.ts';
import { type DirectoryContent, readText } from './read-directory.ts';

const filesAtOnce = 16;
/** With more, everything is looked at. */
const maxPaths = 64;

/**
 * The content with those files as they are now, if none of them says anything else. Undefined if one does, or might: then everything has to
 * be read. `paths` are absolute.
 */
export async function heardOnlyOf(
  paths: ReadonlySet<string>,
  seen: DirectoryContent,
): Promise<Pick<DirectoryContent, 'files'> | undefined> {
  const [root] = seen.folders;
  if (root === undefined || paths.size > maxPaths) return undefined;
  const found = await atATime(filesAtOnce, [...paths], (path) => unchanged(path, root, seen));
  const files = new Map(seen.files);
  for (const one of found) {
    if (one === undefined) return undefined;
    if (one.file === undefined) files.delete(one.name);
    else files.set(one.name, one.file);
  }
  return { files };
}

interface Unchanged {
  readonly name: string;
  /** Absent: there is none, as before. */
  readonly file?: ListedFile;
}

/** Links, folders and whatever cannot be read are left to those who look at everything. */
async function unchanged(path: string, root: string, seen: DirectoryContent): Promise<Unchanged | undefined> {
  const name = relative(root, path).split(sep).join('/');
  const text = seen.texts.get(name);
  // Behind a link, or in a folder that is gone, it may be a file of another name.
  for (const { name: other, real } of seen.files.values()) {
    if ((real === path && other !== name) || real.startsWith(path + sep)) return undefined;
  }
  if ((seen.files.get(name)?.real ?? path) !== path || seen.folders.includes(path)) return undefined;
  try {
    const info = await lstat(path, { bigint: true });
    if (!info.isFile() || text === undefined) return undefined;
    const file = listed(name, path, info);
    return (await readText(file)) === text ? { name, file } : undefined;
  } catch (reason) {
    const gone = reason instanceof Error && 'code' in reason && reason.code === 'ENOENT';
    return gone && text === undefined ? { name } : undefined;
  }
}
