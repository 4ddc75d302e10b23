// Tells when something in a directory changes: the system's notices, gathered until it is quiet, and a slow look as a safety net.
import { type FSWatcher, watch } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import { isTemporary } from './write-files.ts';

export interface DirectoryWatcher {
  /** Watches exactly these folders from now on. */
  follow(folders: readonly string[]): void;
  close(): void;
}

export interface DirectoryWatcherOptions {
  readonly clock: Clock;
  /** Notices are gathered until none came for this long, milliseconds. */
  readonly quietMs: number;
  readonly pollMs: number;
  readonly onChange: () => void;
}

/** Notices under steady change are handed on after this many quiet periods at the latest. */
const maxQuietPeriods = 10;

export function createDirectoryWatcher({
  clock,
  quietMs,
  pollMs,
  onChange,
}: DirectoryWatcherOptions): DirectoryWatcher {
  const watchers = new Map<string, FSWatcher>();
  let cancel: (() => void) | undefined;
  let cancelPoll: (() => void) | undefined;
  let since = 0;
  const notice = (): void => {
    if (cancel === undefined) since = clock.monotonic();
    cancel?.();
    const left = since + maxQuietPeriods * quietMs - clock.monotonic();
    cancel = clock.after(Math.max(0, Math.min(quietMs, left)), () => {
      cancel = undefined;
      onChange();
    });
  };
  const poll = (): void => {
    cancelPoll = clock.after(pollMs, () => {
      onChange();
      poll();
    });
  };
  const drop = (folder: string): void => {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  };
  poll();
  return {
    follow(folders) {
      for (const folder of watchers.keys()) if (!folders.includes(folder)) drop(folder);
      for (const folder of folders) {
        if (watchers.has(folder)) continue;
        try {
          const watcher = watch(folder, { persistent: false }, (_, name) => {
            if (name === null || !isTemporary(name)) notice();
          });
          watcher.on('error', () => drop(folder));
          watchers.set(folder, watcher);
        } catch {
          // No notices from here (too many watches, or it just went away): the slow look sees it.
        }
      }
    },
    close() {
      cancel?.();
      cancelPoll?.();
      for (const folder of [...watchers.keys()]) drop(folder);
    },
  };
}
