// Tokens that applications expect of their callers, from a folder of files as Kubernetes mounts a Secret, or an operator writes one: the
// name of a file is the name in documents. Read again every few seconds; nothing of them is stored or printed.
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { Redacted } from '../lib/redacted.ts';
import { createWatched, type Watchable } from '../lib/watchable.ts';

/** Unchanged ones are the same objects as before. */
export type Credentials = ReadonlyMap<string, Redacted<string>>;

export interface CredentialFolder extends Watchable<Credentials> {
  stop(): void;
}

export interface CredentialFolderDeps {
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
}

const everyMs = 2000;
const [mostFiles, mostBytes] = [1000, 8192];
/** What a header can hold: RFC 9110 §5.5, without the bytes above ASCII. */
const fieldValue = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** Throws `invalid_argument` if there is no such folder. Files that are no token are told, and are not there. */
export function openCredentialFolder({ folder, clock, log }: CredentialFolderDeps): CredentialFolder {
  if (!isFolder(folder)) {
    throw new CellwallError('invalid_argument', `--credentials: ${folder} is no folder`, {
      hint: 'a folder with a file for each token, named as in the documents',
    });
  }
  const told = new Map<string, string>();
  const tell = (name: string, why: string): void => {
    if (told.get(name) === why) return;
    told.set(name, why);
    log.warn({ file: join(folder, name), reason: why }, 'a credential is not taken');
  };
  const read = (before: Credentials): Credentials => {
    const next = new Map<string, Redacted<string>>();
    for (const name of namesIn(folder)) {
      const found = readToken(join(folder, name));
      if (found.kind === 'refused') tell(name, found.why);
      else {
        told.delete(name);
        const known = before.get(name);
        next.set(name, known?.reveal() === found.token ? known : new Redacted(found.token));
      }
    }
    const same = next.size === before.size && [...next].every(([name, token]) => before.get(name) === token);
    return same ? before : next;
  };
  const watched = createWatched<Credentials>(read(new Map()));
  let cancel = (): void => {};
  const again = (): void => {
    cancel = clock.after(everyMs, () => {
      try {
        watched.set(read(watched.value()));
      } catch (reason) {
        tell('', CellwallError.from(reason).message);
      }
      again();
    });
  };
  again();
  return { value: watched.value, watch: watched.watch, stop: () => cancel() };
}

function isFolder(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Kubernetes keeps its versions in folders that begin with "..". */
function namesIn(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .slice(0, mostFiles);
}

type Found = { readonly kind: 'token'; readonly token: string } | { readonly kind: 'refused'; readonly why: string };

function readToken(file: string): Found {
  try {
    const { size, mode } = statSync(file);
    if (!statSync(file).isFile()) return { kind: 'refused', why: 'it is no file' };
    if (size > mostBytes) return { kind: 'refused', why: `it has more than ${mostBytes} bytes` };
    // A mounted Secret is a link into a folder that only its owner can change.
    if ((mode & 0o007) !== 0 && !lstatSync(file).isSymbolicLink()) {
      return { kind: 'refused', why: 'others may read it: chmod 600' };
    }
    const token = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    if (!fieldValue.test(token)) return { kind: 'refused', why: 'it is no text that a header can hold, on one line' };
    return { kind: 'token', token };
  } catch (reason) {
    return { kind: 'refused', why: CellwallError.from(reason).message };
  }
}
