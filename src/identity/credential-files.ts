// What files of tokens say, and whether they may be believed: nobody but their owner may have put them there, or may read them.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { join, sep } from 'node:path';
import { CellwallError } from '../lib/errors.ts';
import { Redacted } from '../lib/redacted.ts';

export type CredentialFile =
  | { readonly kind: 'token'; readonly token: Redacted<string> }
  | { readonly kind: 'refused'; readonly why: string };

/** More are not read. */
export const mostFiles = 1000;
const mostBytes = 8192;
const sticky = 0o1000;
/** Folders above a file: of a service, or of a cell and a service in it. */
const mostDepth = 2;
/** What a header can hold: RFC 9110 §5.5, without the bytes above ASCII. */
const fieldValue = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** By path in the folder. Throws if the folder itself cannot be read, or others may write to it. */
export function readCredentialFiles(folder: string): ReadonlyMap<string, CredentialFile> {
  const open = writableByOthers(statSync(folder), folder);
  if (open !== undefined) throw new CellwallError('failed_precondition', `--credentials: ${folder}: ${open}`);
  const top = realpathSync(folder);
  const places = placesIn(folder, []).slice(0, mostFiles);
  return new Map(places.map((place) => [place.path.join('/'), read(place, top)]));
}

interface Place {
  readonly file: string;
  readonly path: readonly string[];
  /** Why it is not looked at. */
  readonly why?: string;
}

/** Kubernetes keeps its versions in folders that begin with "..". */
function placesIn(folder: string, above: readonly string[]): readonly Place[] {
  const own = statSync(folder);
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .flatMap((name): readonly Place[] => {
      const place = { file: join(folder, name), path: [...above, name] };
      const entry = lstatSync(place.file, { throwIfNoEntry: false });
      if (entry === undefined) return [];
      // In a folder that everybody may write to, as that of a mounted Secret, only its owner's entries count.
      if ((own.mode & 0o002) !== 0 && ![0, own.uid, process.geteuid?.()].includes(entry.uid)) {
        return [{ ...place, why: 'it belongs to somebody else than its folder, to which others may write' }];
      }
      const found = statSync(place.file, { throwIfNoEntry: false });
      if (found?.isDirectory() !== true || above.length >= mostDepth) return [place];
      try {
        const why = writableByOthers(found, place.file);
        return why === undefined ? placesIn(place.file, place.path) : [{ ...place, why }];
      } catch (reason) {
        return [{ ...place, why: CellwallError.from(reason).message }];
      }
    });
}

/** With the sticky bit nobody can replace what is somebody else's. */
function writableByOthers({ mode }: Stats, folder: string): string | undefined {
  const isOpen = (mode & 0o002) !== 0 && (mode & sticky) === 0;
  return isOpen ? `others may write to this folder: chmod o-w ${folder}` : undefined;
}

function read({ file, path, why }: Place, top: string): CredentialFile {
  if (why !== undefined) return refused(why);
  if (path.length === 1) {
    return refused('it is of no service: a file is used by the service in whose folder it is (docs/service-tokens.md)');
  }
  try {
    const real = realpathSync(file);
    // As in a mounted Secret, whose versions are beside the links to them.
    const isMounted = real !== join(top, ...path) && real.startsWith(top + sep);
    return readToken(file, isMounted);
  } catch (reason) {
    return refused(CellwallError.from(reason).message);
  }
}

function readToken(file: string, isMounted: boolean): CredentialFile {
  // A pipe would keep us waiting. What is judged is what is read.
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return refused('it is no file');
    if ((stats.mode & 0o007) !== 0 && !isMounted) return refused('others may read it: chmod 600');
    const bytes = Buffer.alloc(mostBytes + 1);
    const length = readSync(descriptor, bytes);
    if (length > mostBytes) return refused(`it has more than ${mostBytes} bytes`);
    const token = bytes.toString('utf8', 0, length).replace(/\r?\n$/, '');
    if (!fieldValue.test(token)) return refused('it is no text that a header can hold, on one line');
    return { kind: 'token', token: new Redacted(token) };
  } finally {
    closeSync(descriptor);
  }
}

function refused(why: string): CredentialFile {
  return { kind: 'refused', why };
}
