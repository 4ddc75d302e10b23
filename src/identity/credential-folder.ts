// Tokens that applications expect of their callers, from a folder that has a folder for each service, as Kubernetes mounts a Secret, or an
// operator writes one: the name of a file is the name in the documents of that service, which no other service can use. Read again every
// second; nothing of them is stored or printed.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import { createWatched, type Watchable } from '../lib/watchable.ts';
import { type CredentialFile, readCredentialFiles } from './credential-files.ts';
import { mostFiles } from './credential-places.ts';

/** By service and name, as in `api/token` and `cell-1/web/token`. Unchanged ones are the same objects as before. */
export type Credentials = ReadonlyMap<string, Redacted<string>>;

export interface CredentialFolder extends Watchable<Credentials> {
  stop(): void;
}

export interface CredentialFolderDeps {
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
}

const everyMs = 1000;

/**
 * Throws `invalid_argument` if it is not a folder, `failed_precondition` if others may write to it. A file that cannot be used is as if it
 * were not there, and is logged once. What changes counts once two looks in a row find it: it may be in the middle of being written.
 */
export function openCredentialFolder({ folder, clock, log }: CredentialFolderDeps): CredentialFolder {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new CellwallError('invalid_argument', `--credentials: ${folder} is no folder`, {
      hint: 'a folder that has a folder for each service, with a file for each of its tokens, named as in the documents',
    });
  }
  const told = new Map<string, string>();
  const tell = (name: string, why: string): void => {
    if (told.get(name) === why) return;
    told.set(name, why);
    log.warn({ file: join(folder, name), reason: why }, 'a credential is not taken');
  };
  let last = readCredentialFiles(folder);
  const adopt = (before: Credentials, found: ReadonlyMap<string, CredentialFile>): Credentials => {
    const next = new Map<string, Redacted<string>>();
    for (const name of [...new Set([...before.keys(), ...found.keys()])].sort()) {
      const [known, now] = [before.get(name), found.get(name)];
      if (now?.kind === 'token' && known?.reveal() === now.token.reveal()) next.set(name, known);
      else if (!isSame(now, last.get(name))) {
        if (known !== undefined) next.set(name, known);
        continue;
      } else if (now?.kind === 'token') next.set(name, now.token);
      if (now?.kind === 'refused') tell(name, now.why);
      else told.delete(name);
    }
    last = found;
    if (found.size >= mostFiles) tell('', `only ${mostFiles} files are read`);
    const same = next.size === before.size && [...next].every(([name, token]) => before.get(name) === token);
    return same ? before : next;
  };
  const watched = createWatched<Credentials>(adopt(new Map(), last));
  let cancel = (): void => {};
  const again = (): void => {
    cancel = clock.after(everyMs, () => {
      try {
        watched.set(adopt(watched.value(), readCredentialFiles(folder)));
      } catch (reason) {
        tell('', CellwallError.from(reason).message);
      }
      again();
    });
  };
  again();
  return { value: watched.value, watch: watched.watch, stop: () => cancel() };
}

function isSame(one: CredentialFile | undefined, other: CredentialFile | undefined): boolean {
  if (one?.kind === 'token') return other?.kind === 'token' && one.token.reveal() === other.token.reveal();
  return one?.kind === other?.kind && one?.why === (other?.kind === 'refused' ? other.why : undefined);
}
