// A file that everybody may read, in a folder in which others may have put anything: links, pipes, folders, a terabyte.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, placeError } from './place-error.ts';

/** More than any bundle. */
const maxBytes = 1024 * 1024;

/** `odd`: something other than a file that could be a bundle. */
export type Found =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'odd'; readonly why: string };

/** `folder`: the path of `at` as people know it. */
export async function readPublicFile(at: string, name: string, folder: string): Promise<Found> {
  let file: FileHandle;
  try {
    // Neither through a link, nor blocked by a pipe.
    file = await open(join(at, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    switch (codeOf(cause)) {
      case 'ENOENT':
        return { kind: 'missing' };
      case 'ELOOP':
        return { kind: 'odd', why: 'is a symlink' };
      case 'ENXIO':
        return { kind: 'odd', why: 'is no file' };
      default:
        throw placeError(`cannot read ${join(folder, name)}`, cause);
    }
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return { kind: 'odd', why: 'is no file' };
    if (stat.size > maxBytes) return { kind: 'odd', why: 'is larger than any bundle' };
    const buffer = Buffer.alloc(stat.size);
    const { bytesRead } = await file.read(buffer, 0, stat.size, 0);
    return { kind: 'text', text: buffer.toString('utf8', 0, bytesRead) };
  } catch (cause) {
    throw placeError(`cannot read ${join(folder, name)}`, cause);
  } finally {
    await file.close();
  }
}

/** All or nothing: written to a temporary file, synced, then renamed over whatever has its name. If that fails, what was there stays. */
export async function writePublicFile(at: string, name: string, text: string, folder: string): Promise<void> {
  const temporary = join(at, `.${name}.${randomBytes(8).toString('hex')}`);
  let made = false;
  try {
    const file = await open(temporary, 'wx', 0o644);
    made = true;
    try {
      // Regardless of this process's umask: consumers are other users.
      await file.chmod(0o644);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(at, name));
  } catch (cause) {
    if (made) await rm(temporary, { force: true }).catch(() => {});
    throw placeError(`cannot write ${join(folder, name)}`, cause);
  }
}
