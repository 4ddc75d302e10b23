// Reads every *.yaml and *.yml below a directory. What editors and Kubernetes leave there (dot files, backups) is passed over;
// what could surprise (links that lead out, devices, huge files) is a problem.
import type { Dirent } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Problem } from '../../model/problem.ts';
import { maxYamlBytes } from '../../model/yaml/read-yaml.ts';

export interface DirectoryContent {
  /** Text by path relative to the directory, with `/`. */
  readonly files: ReadonlyMap<string, string>;
  /** Absolute paths of all directories that were read, for watching. */
  readonly folders: readonly string[];
  readonly problems: readonly Problem[];
}

const maxFiles = 10_000;
const maxTotalBytes = 64 * 1024 * 1024;
const maxFolderDepth = 16;

/** All there is to read, once. Never throws: a directory that cannot be read is a problem. */
export async function readDirectory(root: string): Promise<DirectoryContent> {
  const files = new Map<string, string>();
  const folders: string[] = [];
  const problems: Problem[] = [];
  let total = 0;
  const complain = (file: string, code: string, message: string): void => {
    problems.push({ severity: 'error', code, message, source: { file, line: 1, column: 1 } });
  };
  const readOne = async (path: string, name: string, real: string): Promise<void> => {
    const text = await readText(path, real).catch((reason: unknown) => reason);
    if (typeof text === 'string') {
      total += text.length;
      if (files.size >= maxFiles || total > maxTotalBytes) complain(name, 'too-large', 'the directory holds too much');
      else files.set(name, text);
    } else if (!isMissing(text)) complain(name, 'unreadable-file', text instanceof Error ? text.message : String(text));
  };
  const readFolder = async (folder: string, real: string, depth: number): Promise<void> => {
    folders.push(folder);
    const entries = await readdir(folder, { withFileTypes: true }).catch((reason: unknown) => {
      if (depth === 0 || !isMissing(reason)) {
        complain(
          nameOf(root, folder),
          'unreadable-directory',
          reason instanceof Error ? reason.message : String(reason),
        );
      }
      return [];
    });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      if (problems.length > 100) return;
      if (entry.isDirectory() && !entry.name.startsWith('.')) {
        if (depth < maxFolderDepth) await readFolder(path, real, depth + 1);
        else complain(nameOf(root, path), 'too-deep', 'directories nest too deeply');
      } else if (isDocumentFile(entry)) await readOne(path, nameOf(root, path), real);
    }
  };
  const real = await realpath(root).catch(() => root);
  await readFolder(root, real, 0);
  return { files, folders, problems };
}

/** `name.yaml`, not `.name.yaml.swp`, `name.yaml~`, `#name.yaml#` or `.#name.yaml`. */
function isDocumentFile(entry: Dirent): boolean {
  return /^[^.#~][^/]*\.ya?ml$/i.test(entry.name) && !entry.isDirectory();
}

async function readText(path: string, realRoot: string): Promise<string> {
  const target = await realpath(path);
  if (target !== realRoot && !target.startsWith(realRoot + sep))
    throw new Error('a link that leads out of the directory');
  // Before opening: opening a named pipe would wait for a writer.
  const info = await stat(target);
  if (!info.isFile()) throw new Error('not a regular file');
  if (info.size > maxYamlBytes) throw new Error(`larger than ${maxYamlBytes} bytes`);
  const handle = await open(target, 'r');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await handle.readFile());
  } catch (reason) {
    throw reason instanceof TypeError ? new Error('not UTF-8 text') : reason;
  } finally {
    await handle.close();
  }
}

/** The path below the root, with `/`. */
function nameOf(root: string, path: string): string {
  return relative(root, path).split(sep).join('/') || '.';
}

/** A file that went away while we read: an editor's, or a rename under way. The next read will see. */
function isMissing(reason: unknown): boolean {
  return reason instanceof Error && 'code' in reason && reason.code === 'ENOENT';
}
