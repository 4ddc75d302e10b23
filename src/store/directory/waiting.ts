// An edit of the files that waits until they are quiet: the same content, with no notification since and nobody writing, after the time
// given by settle.ts.
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Problem } from '../../model/problem.ts';
import { changedAt } from './list-directory.ts';
import type { DirectoryContent } from './read-directory.ts';

export interface Waiting {
  /** Whether the edit may be adopted; otherwise when to check again. */
  judge(
    read: Read,
    settleMs: number,
  ): Promise<{ readonly kind: 'take' } | { readonly kind: 'wait'; readonly ms: number }>;
  /** The read was torn: nothing was seen twice yet. */
  torn(): number;
  active(): boolean;
  /** What to report if it takes unusually long. */
  problems(file: string): readonly Problem[];
  /** `content`: it was refused. */
  over(content?: Content): void;
  /**
   * How long ago what comes into force now was written, milliseconds: the earliest of these files. Undefined for what was there at the
   * start, or had been refused or held before: then it waited for somebody, and not for us.
   */
  lagOf(content: Content, files: ReadonlySet<string>): number | undefined;
}

type Content = Pick<DirectoryContent, 'signature' | 'files'>;

export interface Read {
  readonly signature: string;
  /** How many notifications there were before it began. */
  readonly notices: number;
  /** Monotonic: when everything had been listed, and nothing was read yet. The next read with the same listing proves all of it since. */
  readonly at: number;
  /** A file of the edit that is still open for writing. */
  readonly stillOpen: () => Promise<string | undefined>;
}

/** After this long without quiet it is a problem. */
const patienceMs = 20_000;
const openAgainMs = 500;

/** `againMs`: when to read again after a torn read, milliseconds. */
export function createWaiting({ clock, log, againMs }: { clock: Clock; log: Log; againMs: number }): Waiting {
  let first: { readonly signature: string; readonly notices: number; readonly at: number } | undefined;
  let since: number | undefined;
  let open: string | undefined;
  let dealtWith: string | undefined;
  return {
    async judge({ signature, notices, at, stillOpen }, settleMs) {
      const now = clock.monotonic();
      if (since === undefined) log.info({ settleMs }, 'an edit of the documents waits until its files are quiet');
      since ??= now;
      const again = first?.signature === signature && first.notices === notices ? first : undefined;
      first = again ?? { signature, notices, at };
      // Never at the first sight, however long that took. The second counts from its own listing.
      const left = first.at + settleMs - (again === undefined ? now : at);
      if (again === undefined || left > 0) return { kind: 'wait', ms: Math.max(1, left) };
      open = await stillOpen();
      return open === undefined ? { kind: 'take' } : { kind: 'wait', ms: openAgainMs };
    },
    torn() {
      since ??= clock.monotonic();
      first = undefined;
      return againMs;
    },
    active: () => since !== undefined,
    problems(file) {
      if (since === undefined || clock.monotonic() - since < patienceMs) return [];
      const source = { file: open ?? file, line: 1, column: 1 };
      const message =
        open === undefined
          ? 'an edit is not in force: files change all the time'
          : 'an edit is not in force: a process holds this file open for writing';
      const hint = 'write beside the file and rename it over it (mv does), or use cellwall apply';
      return [{ severity: 'error', code: 'never-quiet', message, hint, source }];
    },
    over(content) {
      first = undefined;
      since = undefined;
      open = undefined;
      dealtWith = content?.signature ?? dealtWith;
    },
    lagOf({ signature, files }, names) {
      const isNew = dealtWith !== undefined && dealtWith !== signature;
      dealtWith = signature;
      const times = [...names].flatMap((name) => {
        const file = files.get(name);
        return file === undefined ? [] : [changedAt(file)];
      });
      return isNew && times.length > 0 ? Math.max(0, clock.now() - Math.min(...times)) : undefined;
    },
  };
}
