// Waits for the disk off the event loop: whoever asks while one sync is running shares the next one.
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CellwallError } from '../../lib/errors.ts';

export interface GroupSyncOptions {
  readonly file: string;
  /** For tests. */
  readonly openFile?: (file: string) => Promise<Pick<FileHandle, 'datasync' | 'close'>>;
}

/**
 * A function that resolves when everything that was written to `file` before the call would survive a power cut. It rejects with
 * `unavailable` if that cannot be known.
 */
export function createGroupSync({ file, openFile = (path) => open(path, 'r') }: GroupSyncOptions): () => Promise<void> {
  let next: Promise<void> | undefined;
  let last: Promise<void> = Promise.resolve();
  let isListed = false;
  const syncOne = async (path: string): Promise<void> => {
    const handle = await openFile(path);
    try {
      await handle.datasync();
    } finally {
      await handle.close();
    }
  };
  const sync = async (): Promise<void> => {
    try {
      await syncOne(file);
      // The folder has to know of the file, too.
      if (!isListed) await syncOne(dirname(file));
      isListed = true;
    } catch (cause) {
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
