// The ways in which people and programs write a directory of files. All but `rename` leave moments in which the directory says what
// nobody meant.
import {
  appendFileSync,
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** How one file gets its new text. `at`: where it is cut, 0 to 1; `pauseMs`: in the middle. */
export type FileWriter = (path: string, text: string, at: number, pauseMs: number) => Promise<void>;

export const fileWriters = {
  async truncate(path, text, _, pauseMs) {
    const file = openSync(path, 'w');
    await delay(pauseMs);
    writeSync(file, text);
    closeSync(file);
  },
  async piecesHeldOpen(path, text, at, pauseMs) {
    const cut = Math.floor(text.length * at);
    const file = openSync(path, 'w');
    writeSync(file, text.slice(0, cut));
    await delay(pauseMs);
    writeSync(file, text.slice(cut));
    closeSync(file);
  },
  async piecesAppended(path, text, at, pauseMs) {
    // At the end of a line, where the beginning is most likely to be a document of its own.
    const cut = text.lastIndexOf('\n', Math.floor(text.length * at)) + 1;
    writeFileSync(path, text.slice(0, cut));
    await delay(pauseMs);
    appendFileSync(path, text.slice(cut));
  },
  async rename(path, text) {
    const temporary = join(path, '..', `.${basename(path)}.new`);
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  },
  async deleteCreate(path, text, _, pauseMs) {
    rmSync(path, { force: true });
    await delay(pauseMs);
    writeFileSync(path, text);
  },
} as const satisfies Readonly<Record<string, FileWriter>>;

export type FileWriterName = keyof typeof fileWriters;
export const fileWriterNames = Object.keys(fileWriters) as readonly FileWriterName[];

/** As Kubernetes writes a volume: a new folder, the link `..data` turned, names that are gone removed, the old folder removed. */
export async function swapConfigMap(
  folder: string,
  files: ReadonlyMap<string, string>,
  revision: number,
): Promise<void> {
  const next = `..${revision}`;
  const old = linkOf(join(folder, '..data'));
  mkdirSync(join(folder, next));
  for (const [name, text] of files) writeFileSync(join(folder, next, name), text);
  symlinkSync(next, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  const names = new Set(readdirSync(folder).filter((name) => name.endsWith('.yaml')));
  for (const name of files.keys()) if (!names.has(name)) symlinkSync(join('..data', name), join(folder, name));
  for (const name of names) if (!files.has(name)) rmSync(join(folder, name));
  if (old !== undefined) rmSync(join(folder, old), { recursive: true });
}

/** As git-sync does: `link` leads to another folder from one moment to the next. */
export async function swapLink(link: string, files: ReadonlyMap<string, string>, revision: number): Promise<void> {
  const next = `${link}-${revision}`;
  const old = linkOf(link);
  mkdirSync(next);
  for (const [name, text] of files) writeFileSync(join(next, name), text);
  symlinkSync(basename(next), `${link}-tmp`);
  renameSync(`${link}-tmp`, link);
  if (old !== undefined) rmSync(join(link, '..', old), { recursive: true });
}

/** The folder goes, and another comes in its place. */
export async function replaceFolder(
  folder: string,
  files: ReadonlyMap<string, string>,
  pauseMs: number,
): Promise<void> {
  const next = `${folder}-next`;
  mkdirSync(next);
  for (const [name, text] of files) writeFileSync(join(next, name), text);
  renameSync(folder, `${folder}-old`);
  await delay(pauseMs);
  renameSync(next, folder);
  rmSync(`${folder}-old`, { recursive: true });
}

/** `cp`: every file is cut to nothing and written again, one after the other. */
export async function copyOver(folder: string, files: ReadonlyMap<string, string>, pauseMs: number): Promise<void> {
  const from = `${folder}-from`;
  mkdirSync(from);
  for (const [name, text] of files) writeFileSync(join(from, name), text);
  for (const name of files.keys()) {
    const file = openSync(join(folder, name), 'w');
    await delay(pauseMs);
    closeSync(file);
    cpSync(join(from, name), join(folder, name));
  }
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.yaml') && !files.has(name)) rmSync(join(folder, name));
  }
  rmSync(from, { recursive: true });
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
