// The files of the audit log: the one being written, and earlier full ones, each named by the number of its last record. Whatever their
// size, they are read as a stream, in slices that leave time for the rest of the process.
import { isUtf8 } from 'node:buffer';
import { constants, existsSync, readdirSync, renameSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { CellwallError } from '../lib/errors.ts';

/** Longer than any event of ours; of longer lines only the length is known. */
const maxLineBytes = 8 * 1024 * 1024;
const chunkBytes = 64 * 1024;

/** All files, oldest first. */
export function auditFiles(file: string): readonly string[] {
  const folder = dirname(file);
  const stem = basename(file, '.jsonl');
  const full = readdirSync(folder)
    .filter((name) => name.startsWith(`${stem}-`) && /^-\d{12}\.jsonl$/.test(name.slice(stem.length)))
    .sort()
    .map((name) => join(folder, name));
  return existsSync(file) ? [...full, file] : full;
}

/** A full file becomes one of those that are not written any more. */
export function rotate(file: string, lastNumber: number): void {
  const stem = basename(file, '.jsonl');
  renameSync(file, join(dirname(file), `${stem}-${String(lastNumber).padStart(12, '0')}.jsonl`));
}

/** Bytes; 0 if there is no such file. */
export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Epoch milliseconds; 0 if it is not there. */
export function modifiedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** A line where it stands. */
export interface TrailLine {
  readonly file: string;
  /** In its file, from 1. */
  readonly line: number;
  /** Undefined for one that is too long to be a record, or is not UTF-8. */
  readonly text: string | undefined;
  /** Its newline is there. */
  readonly ended: boolean;
  /** Where it ends in its file, its newline included. */
  readonly end: number;
}

/** Every line, one after the other, empty ones included. `start`: where to begin in the first file; its lines are counted from there. */
export async function* placedLines(files: readonly string[], start = 0): AsyncGenerator<TrailLine, void> {
  for (const [index, file] of files.entries()) {
    const handle = await open(file, 'r');
    try {
      const chunk = Buffer.alloc(chunkBytes);
      let at = index === 0 ? start : 0;
      let parts: Buffer[] = [];
      let length = 0;
      let line = 1;
      const told = (ended: boolean, end: number): TrailLine => ({
        file,
        line,
        text: textOf(parts, length),
        ended,
        end,
      });
      for (;;) {
        const { bytesRead } = await handle.read(chunk, 0, chunkBytes, at);
        if (bytesRead === 0) break;
        // Others get their turn between chunks, however fast the disk is.
        await setImmediate();
        let from = 0;
        for (let end = chunk.indexOf(0x0a); end !== -1 && end < bytesRead; end = chunk.indexOf(0x0a, from)) {
          parts.push(chunk.subarray(from, end));
          length += end - from;
          yield told(true, at + end + 1);
          [parts, length, from, line] = [[], 0, end + 1, line + 1];
        }
        length += bytesRead - from;
        at += bytesRead;
        if (length <= maxLineBytes) parts.push(Buffer.from(chunk.subarray(from, bytesRead)));
        else parts = [];
      }
      if (length > 0) yield told(false, at);
    } finally {
      await handle.close();
    }
  }
}

/** The same, without their places and without empty ones. */
export async function* linesOf(files: readonly string[]): AsyncGenerator<string | undefined, void> {
  for await (const { text } of placedLines(files)) if (text !== '') yield text;
}

function textOf(parts: readonly Buffer[], length: number): string | undefined {
  if (length > maxLineBytes) return undefined;
  const bytes = Buffer.concat(parts);
  // Other bytes would be read like those of a replacement character.
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}

/**
 * The last complete line of a file, and how many bytes of a broken one follow it, which are cut off. Off the loop: its disk may hang.
 * Throws for what is no file: a pipe would be waited for.
 */
export async function repairedTail(
  path: string,
  isOurs: (beginning: string) => boolean = () => true,
): Promise<{ readonly line: string; readonly cut: number }> {
  const handle = await openIfThere(path);
  if (handle === undefined) return { line: '', cut: 0 };
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new CellwallError('failed_precondition', `${path} is not a file`);
    const { size } = stat;
    const end = (await newlineBefore(handle, size)) + 1;
    if (end < size) {
      const begins = Buffer.alloc(Math.min(64, size - end));
      await handle.read(begins, 0, begins.length, end);
      if (!isOurs(begins.toString('latin1'))) {
        throw new CellwallError(
          'failed_precondition',
          `${path} ends with something else than a record: it stays as it is`,
        );
      }
      await handle.truncate(end);
    }
    const start = (await newlineBefore(handle, Math.max(0, end - 1))) + 1;
    const bytes = Buffer.alloc(Math.min(maxLineBytes, Math.max(0, end - 1 - start)));
    await handle.read(bytes, 0, bytes.length, start);
    return { line: bytes.toString('utf8'), cut: size - end };
  } finally {
    await handle.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (reason) {
    if (reason instanceof Error && 'code' in reason && reason.code === 'ENOENT') return undefined;
    throw reason;
  }
}

/** The position of the last newline before `end`; -1 if there is none. */
async function newlineBefore(handle: FileHandle, end: number): Promise<number> {
  const chunk = Buffer.alloc(chunkBytes);
  for (let to = end; to > 0; to -= chunkBytes) {
    const from = Math.max(0, to - chunkBytes);
    const { bytesRead } = await handle.read(chunk, 0, to - from, from);
    const found = chunk.subarray(0, bytesRead).lastIndexOf(0x0a);
    if (found !== -1) return from + found;
  }
  return -1;
}
