// The files below a directory, without reading them: every *.yaml and *.yml with its inode, size and times, and where to watch for changes.
// If two listings are equal, nothing was written between them. Never throws: what cannot be listed is a problem.
import type { BigIntStats, Dirent } from 'node:fs';
import { readdir, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { Problem } from '../../model/problem.ts';
import { linksOn, type WatchedName } from './links-on.ts';

export interface ListedFile {
  /** Relative to the directory, with `/`. */
  readonly name: string;
  /** The file itself, behind every link. */
  readonly real: string;
  readonly inode: string;
  readonly size: number;
  /** Changes whenever the content may have changed. */
  readonly signature: string;
}

/** A folder to watch: everything in it, or only the `names`. */
export interface WatchedFolder {
  readonly path: string;
  readonly inode: string;
  readonly names?: ReadonlySet<string>;
}

/** Paths use `/`. What `problems` are about is missing from `files`. */
export interface Listing {
  readonly files: readonly ListedFile[];
  /** Absolute paths of the folders of documents. */
  readonly folders: readonly string[];
  readonly watched: readonly WatchedFolder[];
  readonly problems: readonly Problem[];
  readonly signature: string;
  /** The signature of all but the files. */
  readonly frame: string;
  /** Something disappeared while it was listed. */
  readonly torn: boolean;
}

const maxFiles = 10_000;
const maxFolderDepth = 16;
const maxProblems = 100;
const atATime = 16;

/** Links are followed, but not out of the directory. */
export async function listDirectory(root: string): Promise<Listing> {
  const files: ListedFile[] = [];
  const folders: string[] = [];
  const inside = new Map<string, string>();
  const names: WatchedName[] = [{ folder: dirname(root), name: basename(root) }, ...(await linksOn(root))];
  const seenTargets = new Set<string>();
  const problems: Problem[] = [];
  let torn = false;
  const complain = (file: string, code: string, message: string): void => {
    problems.push({ severity: 'error', code, message, source: { file, line: 1, column: 1 } });
  };
  const realRoot = await realpath(root).catch(() => root);

  const listFile = async (entry: Dirent, path: string, name: string): Promise<void> => {
    try {
      const link = entry.isSymbolicLink();
      const real = link ? await realpath(path) : path;
      if (link && real !== realRoot && !real.startsWith(realRoot + sep))
        return complain(name, 'unreadable-file', 'a link that leads out of the directory');
      const info = await stat(real, { bigint: true });
      if (!info.isFile()) return complain(name, 'unreadable-file', 'not a regular file');
      files.push(listed(name, real, info));
      if (link) await followLink(path, dirname(real));
    } catch (reason) {
      // A dangling link is not a deletion: it is what a swap looks like in progress.
      const target =
        entry.isSymbolicLink() && isMissing(reason) ? await readlink(path).catch(() => undefined) : undefined;
      if (target !== undefined) {
        const missing = resolve(dirname(path), target);
        names.push(...(await linksOn(path)), { folder: dirname(missing), name: basename(missing) });
        complain(name, 'dangling-link', 'a link that leads nowhere: what it led to stays in force');
      } else if (!isMissing(reason)) complain(name, 'unreadable-file', messageOf(reason));
      else torn = true;
    }
  };
  /** A change behind the link, and of every link on the way there, must be noticed. */
  const followLink = async (path: string, target: string): Promise<void> => {
    if (!inside.has(target)) inside.set(target, await inodeOf(target));
    const key = `${dirname(path)}\0${target}`;
    if (seenTargets.has(key)) return;
    seenTargets.add(key);
    names.push(...(await linksOn(path)));
  };
  const listFolder = async (folder: string, depth: number): Promise<void> => {
    let entries: readonly Dirent[];
    try {
      folders.push(folder);
      inside.set(folder, await inodeOf(folder));
      entries = (await readdir(folder, { withFileTypes: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    } catch (reason) {
      if (depth > 0 && isMissing(reason)) torn = true;
      else complain(nameOf(realRoot, folder), 'unreadable-directory', messageOf(reason));
      return;
    }
    const documents = entries.filter(isDocumentFile);
    for (let from = 0; from < documents.length && problems.length <= maxProblems; from += atATime) {
      if (files.length > maxFiles)
        return complain(nameOf(realRoot, folder), 'too-large', 'the directory holds too much');
      await Promise.all(
        documents.slice(from, from + atATime).map((entry) => {
          const path = join(folder, entry.name);
          return listFile(entry, path, nameOf(realRoot, path));
        }),
      );
    }
    for (const entry of entries) {
      if (!entry.isDirectory() || entry.name.startsWith('.') || problems.length > maxProblems) continue;
      const path = join(folder, entry.name);
      if (depth < maxFolderDepth) await listFolder(path, depth + 1);
      else complain(nameOf(realRoot, path), 'too-deep', 'directories nest too deeply');
    }
  };
  await listFolder(realRoot, 0);
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  problems.sort((a, b) => (a.source.file < b.source.file ? -1 : a.source.file > b.source.file ? 1 : 0));
  const frame = JSON.stringify([[...inside], problems.map(({ code, source }) => [code, source.file])]);
  const signature = JSON.stringify([files.map((file) => file.signature), frame]);
  return { files, folders, watched: await watchedFolders(inside, names), problems, signature, frame, torn };
}

/** A file as a listing has it. */
export function listed(name: string, real: string, info: BigIntStats): ListedFile {
  return {
    ...{ name, real, inode: inodeText(info), size: Number(info.size) },
    signature: `${name} ${real} ${fileSignature(info)}`,
  };
}

/** Signature of the file's content, as far as its inode shows. */
export function fileSignature(info: BigIntStats): string {
  return `${inodeText(info)} ${info.size} ${info.mtimeNs} ${info.ctimeNs}`;
}

/** When its inode last changed, by the disk's clock: also by a rename, which keeps the time of its content. Epoch milliseconds. */
export function changedAt({ signature }: Pick<ListedFile, 'signature'>): number {
  return Number(signature.slice(signature.lastIndexOf(' ') + 1)) / 1e6;
}

async function watchedFolders(
  inside: ReadonlyMap<string, string>,
  names: readonly WatchedName[],
): Promise<readonly WatchedFolder[]> {
  const only = new Map<string, Set<string>>();
  for (const { folder, name } of names) {
    if (!only.has(folder)) only.set(folder, new Set());
    only.get(folder)?.add(name);
  }
  const whole = [...inside].map(([path, inode]): WatchedFolder => ({ path, inode }));
  const links: WatchedFolder[] = [];
  for (const [path, set] of only) links.push({ path, inode: await inodeOf(path), names: set });
  return [...whole, ...links];
}

async function inodeOf(path: string): Promise<string> {
  return stat(path, { bigint: true }).then(inodeText, () => '');
}

function inodeText({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

/** `name.yaml`, not `.name.yaml.swp`, `name.yaml~`, `#name.yaml#` or `.#name.yaml`. */
function isDocumentFile(entry: Dirent): boolean {
  return /^[^.#~][^/]*\.ya?ml$/i.test(entry.name) && !entry.isDirectory();
}

/** The path below the root, with `/`. */
function nameOf(root: string, path: string): string {
  return relative(root, path).split(sep).join('/') || '.';
}

function isMissing(reason: unknown): boolean {
  return reason instanceof Error && 'code' in reason && reason.code === 'ENOENT';
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
