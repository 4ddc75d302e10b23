// Where files of tokens may be: in the folder of a service, or of a service of a cell. Whoever owns such a folder speaks for that service
// alone: it can have nothing read that is somebody else's, and its many files crowd out nobody's.
import { lstatSync, opendirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { CellwallError } from '../lib/errors.ts';

export interface CredentialPlace {
  readonly file: string;
  readonly path: readonly string[];
  /** Only what belongs to this user is read there. Absent: it is where root, this user or the owner of the whole folder put it. */
  readonly only?: number;
  /** Why it is not looked at. */
  readonly why?: string;
}

/** More are not read. */
export const mostFiles = 1000;
const sticky = 0o1000;
/** Folders above a file: of a service, or of a cell and a service in it. */
const mostDepth = 2;

/** Throws if the folder itself cannot be read. */
export function credentialPlaces(folder: string): readonly CredentialPlace[] {
  const own = statSync(folder);
  const trusted = new Set([0, process.geteuid?.() ?? 0, own.uid]);
  const each = namesIn(folder).map((name) => {
    const found: CredentialPlace[] = [];
    look({ folder, own, name, above: [], only: undefined }, trusted, found);
    return found;
  });
  // In turn, so that one with many leaves space for the others.
  const longest = Math.max(0, ...each.map(({ length }) => length));
  const inTurn: CredentialPlace[] = [];
  for (let at = 0; at < longest && inTurn.length < mostFiles; at += 1) {
    inTurn.push(...each.flatMap((found) => found[at] ?? []));
  }
  return inTurn.slice(0, mostFiles);
}

/** With the sticky bit nobody can replace what is somebody else's. */
export function writableByOthers({ mode }: Stats, folder: string): string | undefined {
  const isOpen = (mode & 0o002) !== 0 && (mode & sticky) === 0;
  return isOpen ? `others may write to this folder: chmod o-w ${folder}` : undefined;
}

interface Entry {
  readonly folder: string;
  /** Of that folder. */
  readonly own: Stats;
  readonly name: string;
  readonly above: readonly string[];
  readonly only: number | undefined;
}

/** Adds to `found` what is there, as long as there are not too many. */
function look(
  { folder, own, name, above, only: inherited }: Entry,
  trusted: ReadonlySet<number>,
  found: CredentialPlace[],
): void {
  if (found.length >= mostFiles) return;
  const file = join(folder, name);
  const path = [...above, name];
  const [entry, target] = [lstatSync(file, missing), statSync(file, missing)];
  if (entry === undefined) return;
  const only = inherited ?? (trusted.has(entry.uid) ? undefined : entry.uid);
  const place = { file, path, ...(only === undefined ? {} : { only }) };
  // In a folder that everybody may write to, as that of a mounted Secret, only its owner's entries count.
  if ((own.mode & 0o002) !== 0 && ![0, own.uid, process.geteuid?.()].includes(entry.uid)) {
    found.push({ ...place, why: 'it belongs to somebody else than its folder, to which others may write' });
    return;
  }
  if (only !== undefined && [entry, target].some((one) => one !== undefined && one.uid !== only)) {
    found.push({ ...place, why: foreign });
    return;
  }
  if (target?.isDirectory() !== true || above.length >= mostDepth) {
    found.push(place);
    return;
  }
  const why = writableByOthers(target, file);
  if (why !== undefined) {
    found.push({ ...place, why });
    return;
  }
  try {
    const inside = only ?? (trusted.has(target.uid) ? undefined : target.uid);
    for (const each of namesIn(file))
      look({ folder: file, own: target, name: each, above: path, only: inside }, trusted, found);
  } catch (reason) {
    found.push({ ...place, why: CellwallError.from(reason).message });
  }
}

export const foreign = 'it belongs to somebody else than the folder, or the link, that leads to it';
const missing = { throwIfNoEntry: false } as const;

/** Kubernetes keeps its versions in folders that begin with "..". */
function namesIn(folder: string): readonly string[] {
  const names: string[] = [];
  const opened = opendirSync(folder);
  try {
    for (let seen = 0; seen < 2 * mostFiles && names.length < mostFiles; seen += 1) {
      const entry = opened.readSync();
      if (entry === null) break;
      if (!entry.name.startsWith('.')) names.push(entry.name);
    }
  } finally {
    opened.closeSync();
  }
  return names.sort();
}
