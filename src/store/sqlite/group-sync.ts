// Waits for the disk off the event loop: whoever asks while one sync is running shares the next one. The file is opened again only after
// nobody waited: opening and closing it costs as much as the sync.
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CellwallError } from '../../lib/errors.ts';

export interface GroupSyncOptions {
  readonly file: string;
  /** For tests. */
  readonly openFile?: (file: string) => Promise<Handle>;
}

type Handle = Pick<FileHandle, 'datasync' | 'close'>;

/**
 * A function that resolves when everything that was written to `file` before the call would survive a power cut. It rejects with
 * `unavailable` if that cannot be known.
 */
export function createGroupSync({ file, openFile = (path) => open(path, 'r') }: GroupSyncOptions): () => Promise<void> {
  let next: Promise<void> | undefined;
  let last: Promise<void> = Promise.resolve();
  let isListed = false;
  let opened: Handle | undefined;
  const close = async (): Promise<void> => {
    const handle = opened;
    opened = undefined;
    await handle?.close();
  };
  const listed = async (): Promise<void> => {
    const folder = await openFile(dirname(file));
    try {
      await folder.datasync();
    } finally {
      await folder.close();
    }
    isListed = true;
  };
  const sync = async (): Promise<void> => {
    try {
      opened ??= await openFile(file);
      await opened.datasync();
      // The folder has to know of the file, too.
      if (!isListed) await listed();
      if (next === undefined) await close();
    } catch (cause) {
      await close().catch(() => undefined);
      throw new CellwallError('unavailable', `cannot write ${file}: ${CellwallError.from(cause).message}`, {
        hint: 'is the disk full or broken, or the state folder read-only?',
        cause,
      });
    }
  };
  return () => {
    if (next === undefined) {
      const mine = last.then(() => {
        next = undefined;
        return sync();
      });
      next = mine;
      last = mine.catch(() => undefined);
    }
    return next;
  };
}
