// Reads every document file below a directory, between two listings: a read during which anything changed is torn, and not used as a state.
// Anything surprising (links that lead out, devices, huge files) is a problem.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Problem } from '../../model/problem.ts';
import { maxYamlBytes, maxYamlMiB } from '../../model/yaml/max-yaml.ts';
import { fileSignature, type ListedFile, type Listing, listDirectory } from './list-directory.ts';

export interface DirectoryContent {
  /** Text by path relative to the directory, with `/`. */
  readonly texts: ReadonlyMap<string, string>;
  /** The same files, as they were listed. */
  readonly files: ReadonlyMap<string, ListedFile>;
  /** Absolute paths of all directories that were read. */
  readonly folders: readonly string[];
  readonly problems: readonly Problem[];
  /** Equal for two reads between which nothing was written. */
  readonly signature: string;
  /** The same of all but the files, and of that what was listed. */
  readonly frame: string;
  readonly listed: string;
  readonly torn: boolean;
}

/** Texts by name, as they were read, so that unchanged files are not read again. */
export type ReadTexts = Map<string, ReadText>;

interface ReadText {
  readonly signature: string;
  readonly text: string;
  /** How often its content differed under the same signature. */
  readonly rewritten: number;
  /** Monotonic: when the signature was first seen, and when the text was read. */
  readonly firstSeen: number;
  readonly readAt: number;
}

/**
 * A write that follows another within one tick of the disk's clock leaves the same times. What was read this long after the signature was
 * first seen includes all of them, whatever that clock says (2 s: the coarsest disks).
 */
const tickMs = 2000;
const maxFiles = 10_000;
const maxTotalBytes = 64 * 1024 * 1024;
const atATime = 16;

export interface ReadDeps {
  /** Kept from read to read. */
  readonly known: ReadTexts;
  /** Monotonic milliseconds. */
  readonly now: number;
  /** What was last read: if that is listed again, and nothing has to be read, nothing is listed twice. */
  readonly last?: Pick<DirectoryContent, 'files' | 'listed'>;
  /** Called before anything is read. */
  readonly found: (listing: Listing) => void;
}

/** Reads everything, once. Never throws. */
export async function readDirectory(root: string, { known, now, last, found }: ReadDeps): Promise<DirectoryContent> {
  const before = await listDirectory(root);
  found(before);
  const texts = new Map<string, string>();
  const problems = [...before.problems];
  let { torn } = before;
  const rewrites: string[] = [];
  let total = 0;
  let opened = 0;
  const complain = (file: string, code: string, message: string): void => {
    problems.push({ severity: 'error', code, message, source: { file, line: 1, column: 1 } });
  };
  const readOne = async (file: ListedFile): Promise<void> => {
    const { name, size } = file;
    total += size;
    if (texts.size >= maxFiles || total > maxTotalBytes)
      return complain(name, 'too-large', 'the directory holds too much');
    if (size > maxYamlBytes) return complain(name, 'unreadable-file', `larger than ${maxYamlMiB} MiB`);
    const before = known.get(name);
    const same = before?.signature === file.signature ? before : undefined;
    if (same !== undefined && same.readAt - same.firstSeen >= tickMs) {
      if (same.rewritten > 0) rewrites.push(`${name} ${same.rewritten}`);
      return void texts.set(name, same.text);
    }
    opened += 1;
    try {
      const text = await readText(file);
      if (text === undefined) torn = true;
      else {
        texts.set(name, text);
        const rewritten = same === undefined ? 0 : same.rewritten + (same.text === text ? 0 : 1);
        if (rewritten > 0) rewrites.push(`${name} ${rewritten}`);
        known.set(name, { signature: file.signature, text, rewritten, firstSeen: same?.firstSeen ?? now, readAt: now });
      }
    } catch (reason) {
      if (hasCode(reason, 'ENOENT')) torn = true;
      else if (reason instanceof TypeError) complain(name, 'unreadable-file', 'not UTF-8 text');
      else complain(name, 'unreadable-file', reason instanceof Error ? reason.message : String(reason));
    }
  };
  for (let from = 0; from < before.files.length && problems.length <= 100; from += atATime) {
    await Promise.all(before.files.slice(from, from + atATime).map(readOne));
  }
  const again = opened === 0 && last?.listed === before.frame && sameFiles(last.files, before.files);
  const after = again ? before : await listDirectory(root);
  torn ||= after.torn || after.signature !== before.signature;
  for (const name of known.keys()) if (!texts.has(name)) known.delete(name);
  const files = new Map(before.files.map((file) => [file.name, file]));
  const frame = JSON.stringify([before.frame, problems, rewrites.sort()]);
  const signature = JSON.stringify([before.signature, frame]);
  const { folders, frame: listed } = before;
  return { texts: inOrder(texts), files, folders, problems, signature, frame, listed, torn };
}

/** Of the files with these names. */
export function realPaths({ files }: DirectoryContent, names: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...names].flatMap((name) => files.get(name)?.real ?? []));
}

/** Whether nothing was written between two reads. */
export function sameContent(one: DirectoryContent, other: DirectoryContent): boolean {
  return one.frame === other.frame && sameFiles(one.files, [...other.files.values()]);
}

function sameFiles(known: DirectoryContent['files'], files: readonly ListedFile[]): boolean {
  return files.length === known.size && files.every(({ name, signature }) => known.get(name)?.signature === signature);
}

/** Undefined if it was written meanwhile. Throws if it is not UTF-8. */
export async function readText({ name, real, signature }: ListedFile): Promise<string | undefined> {
  // A pipe or device that took the file's place must neither be waited for nor be triggered.
  const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const listed = async (): Promise<boolean> =>
      `${name} ${real} ${fileSignature(await handle.stat({ bigint: true }))}` === signature;
    if (!(await listed())) return undefined;
    const bytes = await handle.readFile();
    return (await listed()) ? new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) : undefined;
  } finally {
    await handle.close();
  }
}

function inOrder(texts: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...texts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function hasCode(reason: unknown, code: string): boolean {
  return reason instanceof Error && 'code' in reason && reason.code === code;
}
