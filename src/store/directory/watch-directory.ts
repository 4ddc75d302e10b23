// Reports when something in a directory changes: the system's notifications, gathered until it is quiet, and a slow poll as a safety net.
// It also knows what the notifications say about a file: put there complete (a rename), or written in place.
import { type FSWatcher, watch as watchOfSystem } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { WatchedFolder } from './list-directory.ts';
import { isTemporary } from './write-files.ts';

export interface DirectoryWatcher {
  /** Watches exactly these folders from now on. */
  follow(folders: readonly WatchedFolder[]): void;
  /** How many notifications there were: equal if there was none in between. */
  notices(): number;
  /** Whether the last notification about this file is that it arrived by a rename, and nothing was written to it since. */
  arrivedWhole(path: string): boolean;
  /** Which paths the notifications since the last call were about; undefined if one did not say, or if some may be missing. */
  heardOf(): ReadonlySet<string> | undefined;
  /** Forgets what was reported about files so far. */
  forgetFiles(): void;
  /** Check after this long, instead of an earlier requested one. */
  lookIn(ms: number): void;
  close(): void;
}

export interface DirectoryWatcherOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Notifications are gathered until none arrived for this long, milliseconds. */
  readonly quietMs: number;
  readonly pollMs: number;
  /** `noticed`: because of notifications, and for no other reason. */
  readonly onChange: (noticed: boolean) => void;
  /** Default: the system's. */
  readonly watch?: Watch;
}

/** Like Node's `fs.watch`. */
export type Watch = (
  path: string,
  options: { readonly persistent: false },
  onNotice: (event: string, name: string | null) => void,
) => Pick<FSWatcher, 'close'> & { on(event: 'error', listener: () => void): unknown };

/** Under steady change, notifications are passed on after this many quiet periods at the latest. */
const maxQuietPeriods = 10;
const maxHeard = 50_000;

/** Polls from the start; otherwise watches only what `follow` names. */
export function createDirectoryWatcher(options: DirectoryWatcherOptions): DirectoryWatcher {
  const { clock, log, quietMs, pollMs, onChange, watch = watchOfSystem } = options;
  const watchers = new Map<string, Pick<FSWatcher, 'close'>>();
  /** By path, what the last notification said. */
  const heard = new Map<string, 'renamed' | 'written'>();
  let paths = new Set<string>();
  let vague = true;
  let count = 0;
  let told = false;
  let cancel: (() => void) | undefined;
  let cancelPoll: (() => void) | undefined;
  let cancelLook: (() => void) | undefined;
  let since = 0;
  const notice = (): void => {
    count += 1;
    if (cancel === undefined) since = clock.monotonic();
    cancel?.();
    const left = since + maxQuietPeriods * quietMs - clock.monotonic();
    cancel = clock.after(Math.max(0, Math.min(quietMs, left)), () => {
      cancel = undefined;
      onChange(true);
    });
  };
  const poll = (): void => {
    cancelPoll = clock.after(pollMs, () => {
      onChange(false);
      poll();
    });
  };
  const drop = (key: string): void => {
    watchers.get(key)?.close();
    watchers.delete(key);
  };
  const begin = (key: string, { path, names }: WatchedFolder): void => {
    try {
      const watcher = watch(path, { persistent: false }, (event, name) => {
        if (names === undefined ? !concerns(name) : name !== null && !names.has(name)) return;
        if (name === null || names !== undefined) vague = true;
        else {
          const one = join(path, name);
          if (heard.size < maxHeard) heard.set(one, event === 'rename' ? 'renamed' : 'written');
          if (paths.size < maxHeard) paths.add(one);
          else vague = true;
        }
        notice();
      });
      watcher.on('error', () => {
        vague = true;
        drop(key);
      });
      watchers.set(key, watcher);
    } catch (reason) {
      // No notifications from here (too many watches, or it just disappeared): the slow poll sees it.
      if (!told)
        log.info({ path, reason: String(reason) }, 'no notifications of changes there: it is checked periodically');
      told = true;
    }
  };
  /** Not even where a change may go unnoticed. */
  const heardOf = (): ReadonlySet<string> | undefined => {
    const those = vague ? undefined : paths;
    [paths, vague] = [new Set(), false];
    return those;
  };
  poll();
  return {
    follow(folders) {
      // Another inode is another folder, whatever its name.
      const wanted = new Map(
        folders.map((folder) => [
          `${folder.path}\0${folder.inode}\0${folder.names === undefined ? '' : JSON.stringify([...folder.names])}`,
          folder,
        ]),
      );
      for (const key of [...watchers.keys()]) if (!wanted.has(key)) drop(key);
      for (const [key, folder] of wanted) if (!watchers.has(key)) begin(key, folder);
    },
    notices: () => count,
    heardOf,
    arrivedWhole: (path) => heard.get(path) === 'renamed',
    forgetFiles: () => heard.clear(),
    lookIn(ms) {
      cancelLook?.();
      cancelLook = clock.after(ms, () => onChange(false));
    },
    close() {
      cancel?.();
      cancelPoll?.();
      cancelLook?.();
      for (const key of [...watchers.keys()]) drop(key);
    },
  };
}

/** Excludes what editors and we write next to the documents. A name that begins with two dots may be Kubernetes' `..data`. */
function concerns(name: string | null): boolean {
  if (name === null) return true;
  return !isTemporary(name) && !/^\.[^.]|^#|~$/.test(name);
}
