// What files of tokens say, and whether they may be believed: nobody but their owner may have put them there, or may read them.
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { CellwallError } from '../lib/errors.ts';
import { Redacted } from '../lib/redacted.ts';
import { type CredentialPlace, credentialPlaces, foreign, writableByOthers } from './credential-places.ts';

export type CredentialFile =
  | { readonly kind: 'token'; readonly token: Redacted<string> }
  | { readonly kind: 'refused'; readonly why: string };

const mostBytes = 8192;
/** What a header can hold: RFC 9110 §5.5, without the bytes above ASCII. */
const fieldValue = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** By path in the folder. Throws if the folder itself cannot be read, or others may write to it. */
export function readCredentialFiles(folder: string): ReadonlyMap<string, CredentialFile> {
  const open = writableByOthers(statSync(folder), folder);
  if (open !== undefined) throw new CellwallError('failed_precondition', `--credentials: ${folder}: ${open}`);
  const top = realpathSync(folder);
  return new Map(credentialPlaces(folder).map((place) => [place.path.join('/'), read(place, top)]));
}

function read({ file, path, only, why }: CredentialPlace, top: string): CredentialFile {
  if (why !== undefined) return refused(why);
  if (path.length === 1) {
    return refused('it is of no service: a file is used by the service in whose folder it is (docs/service-tokens.md)');
  }
  try {
    const real = realpathSync(file);
    // As in a mounted Secret, whose versions are beside the links to them.
    const isMounted = real !== join(top, ...path) && real.startsWith(top + sep);
    return readToken(file, isMounted, only);
  } catch (reason) {
    return refused(CellwallError.from(reason).message);
  }
}

function readToken(file: string, isMounted: boolean, only: number | undefined): CredentialFile {
  // A pipe would keep us waiting. What is judged is what is read.
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return refused('it is no file');
    // It may have been replaced since it was looked at.
    if (only !== undefined && stats.uid !== only) return refused(foreign);
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
