// Publishes into a folder on this host, for programs that read their CA from files: the roots as PEM, and as the SPIFFE bundle that
// go-spiffe and others accept. Each file is complete at any time.
import { constants } from 'node:fs';
import { chmod, type FileHandle, lstat, mkdir, open, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CellwallError } from '../../lib/errors.ts';
import { formatSpiffeBundle, newerSequence } from '../spiffe-bundle.ts';
import { bundlePem, type TrustBundle } from '../trust-bundle.ts';
import { codeOf, placeError } from './place-error.ts';
import { type Found, readPublicFile, writePublicFile } from './public-file.ts';
import type { Confirmation, Publisher } from './publisher.ts';

/** The content of the folder. */
export const bundleFiles = { pem: 'bundle.pem', json: 'bundle.json' } as const;

/** `place`: a folder, made if it does not exist. Throws `invalid_argument` if it cannot be one. */
export function createDirectoryPublisher(place: string): Publisher {
  if (place === '' || place.includes('\0')) {
    throw new CellwallError('invalid_argument', 'a publisher of the kind directory needs a folder', {
      hint: 'as in directory:/srv/trust',
    });
  }
  const folder = resolve(place);
  return {
    async publish(bundle, signal) {
      signal.throwIfAborted();
      const opened = (await openFolder(folder)) ?? (await makeFolder(folder));
      try {
        for (const [name, text] of filesOf(bundle)) {
          const found = await readPublicFile(opened.at, name, folder);
          signal.throwIfAborted();
          if (!isText(found, text)) await writePublicFile(opened.at, name, text, folder);
        }
        await toDisk(opened.handle);
      } finally {
        await opened.handle.close();
      }
    },
    async confirm(bundle, signal) {
      const opened = await openFolder(folder);
      if (opened === undefined) return { kind: 'missing' };
      try {
        const found: (readonly [name: string, wanted: string, found: Found])[] = [];
        for (const [name, text] of filesOf(bundle)) {
          signal.throwIfAborted();
          found.push([name, text, await readPublicFile(opened.at, name, folder)]);
        }
        return judge(found, bundle);
      } finally {
        await opened.handle.close();
      }
    },
  };
}

function filesOf(bundle: TrustBundle): readonly (readonly [name: string, text: string])[] {
  // The JSON last: its sequence implies that the PEM is there.
  return [
    [bundleFiles.pem, bundlePem(bundle)],
    [bundleFiles.json, formatSpiffeBundle(bundle)],
  ];
}

function isText(found: Found, text: string): boolean {
  return found.kind === 'text' && found.text === text;
}

function judge(
  files: readonly (readonly [name: string, wanted: string, found: Found])[],
  bundle: TrustBundle,
): Confirmation {
  if (files.every(([, text, found]) => isText(found, text))) return { kind: 'confirmed' };
  for (const [name, , found] of files) {
    const newer = name === bundleFiles.json && found.kind === 'text' ? newerSequence(found.text, bundle) : undefined;
    if (newer !== undefined) return { kind: 'newer', sequence: newer };
  }
  if (files.every(([, , { kind }]) => kind === 'missing')) return { kind: 'missing' };
  const why = files.flatMap(([name, text, found]) => {
    if (isText(found, text)) return [];
    return [
      `${name} ${found.kind === 'text' ? 'has other content' : found.kind === 'missing' ? 'is missing' : found.why}`,
    ];
  });
  return { kind: 'different', why: why.join(', ') };
}

interface OpenFolder {
  readonly handle: FileHandle;
  /** Refers to the very folder that was opened and checked, whatever its path refers to by now. */
  readonly at: string;
}

/** Undefined if there is none. Throws if it is not a real folder, or anybody may write to it, or may have put it there. */
async function openFolder(folder: string): Promise<OpenFolder | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    const link = (await lstat(folder).catch(() => undefined))?.isSymbolicLink() === true;
    if (!link && codeOf(cause) !== 'ENOTDIR') throw placeError(`cannot open ${folder}`, cause);
    throw new CellwallError('failed_precondition', `${folder} is ${link ? 'a symlink' : 'no folder'}`, {
      hint: 'name the folder itself',
      cause,
    });
  }
  try {
    // Whoever may write there chooses whom the readers trust.
    if (((await handle.stat()).mode & 0o002) !== 0) {
      throw new CellwallError('failed_precondition', `every user of this host may write to ${folder}`, {
        hint: 'chmod o-w, or name a folder in it: it will be made so that only its owner may write',
      });
    }
    const opened = `/proc/self/fd/${handle.fd}`;
    const there = await lstat(opened).then(
      () => true,
      () => false,
    );
    const at = there ? opened : folder;
    await checkOwners(at, folder);
    return { handle, at };
  } catch (reason) {
    await handle.close();
    throw reason;
  }
}

/**
 * Where every user may write, anybody may have put a folder of theirs first, or in place of ours. Checked up to the root, from the folder
 * that was opened: throws if one of those on the way is in such a place, and belongs neither to this user nor to root.
 */
async function checkOwners(at: string, folder: string): Promise<void> {
  const look = (path: string) =>
    stat(path).catch((cause: unknown) => {
      throw placeError(`cannot look at what is above ${folder}`, cause);
    });
  const trusted = [0, process.geteuid?.() ?? 0];
  let [above, name] = [at, folder];
  let inner = await look(above);
  for (;;) {
    above += '/..';
    const outer = await look(above);
    if ((outer.mode & 0o002) !== 0 && !trusted.includes(inner.uid)) {
      throw new CellwallError(
        'failed_precondition',
        `${name} belongs to another user (${inner.uid}), in a folder that every user of this host may write to`,
        { hint: 'whoever owns it chooses whom the readers trust: remove it, or name a folder elsewhere' },
      );
    }
    if (outer.ino === inner.ino && outer.dev === inner.dev) return;
    [inner, name] = [outer, dirname(name)];
  }
}

/** Not its parents: if a volume is not mounted, nothing is created in its place. */
async function makeFolder(folder: string): Promise<OpenFolder> {
  try {
    await mkdir(folder, 0o755);
    // Regardless of this process's umask: consumers are other users.
    await chmod(folder, 0o755);
  } catch (cause) {
    // Another process created it meanwhile.
    if (codeOf(cause) !== 'EEXIST') throw placeError(`cannot make the folder ${folder}`, cause);
  }
  const opened = await openFolder(folder);
  if (opened === undefined)
    throw new CellwallError('unavailable', `${folder} is gone again`, { hint: 'who removes it?' });
  return opened;
}

/** The renames as well. A file system that cannot sync a folder keeps them in its own way. */
async function toDisk(folder: FileHandle): Promise<void> {
  await folder.sync().catch((cause: unknown) => {
    if (!['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(codeOf(cause)))
      throw placeError('cannot sync the folder', cause);
  });
}
