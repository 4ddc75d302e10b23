// The files of the audit log: the one being written, and earlier full ones, each named by the number of its last record. Whatever their
// size, they are read as a stream, in slices that leave time for the rest of the process.
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

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

/** Every line, one after the other; undefined for one that is too long to be a record. */
export async function* linesOf(files: readonly string[]): AsyncGenerator<string | undefined, void> {
  for (const file of files) {
    const handle = await open(file, 'r');
    try {
      const chunk = Buffer.alloc(chunkBytes);
      let parts: Buffer[] = [];
      let length = 0;
      for (;;) {
        const { bytesRead } = await handle.read(chunk, 0, chunkBytes);
        if (bytesRead === 0) break;
        // Others get their turn between chunks, however fast the disk is.
        await setImmediate();
        let from = 0;
        for (let end = chunk.indexOf(0x0a); end !== -1 && end < bytesRead; end = chunk.indexOf(0x0a, from)) {
          parts.push(chunk.subarray(from, end));
          length += end - from;
          if (length > 0) yield length > maxLineBytes ? undefined : Buffer.concat(parts).toString('utf8');
          [parts, length, from] = [[], 0, end + 1];
        }
        length += bytesRead - from;
        if (length <= maxLineBytes) parts.push(Buffer.from(chunk.subarray(from, bytesRead)));
        else parts = [];
      }
      if (length > 0) yield length > maxLineBytes ? undefined : Buffer.concat(parts).toString('utf8');
    } finally {
      await handle.close();
    }
  }
}

/** The last complete line of a file, and how many bytes of a broken one follow it, which are cut off. */
export function repairedTail(file: string): { readonly line: string; readonly cut: number } {
  if (!existsSync(file)) return { line: '', cut: 0 };
  const descriptor = openSync(file, 'r+');
  try {
    const { size } = fstatSync(descriptor);
    const end = newlineBefore(descriptor, size) + 1;
    if (end < size) ftruncateSync(descriptor, end);
    const start = newlineBefore(descriptor, Math.max(0, end - 1)) + 1;
    const bytes = Buffer.alloc(Math.min(maxLineBytes, Math.max(0, end - 1 - start)));
    readSync(descriptor, bytes, 0, bytes.length, start);
    return { line: bytes.toString('utf8'), cut: size - end };
  } finally {
    closeSync(descriptor);
  }
}

/** The position of the last newline before `end`; -1 if there is none. */
function newlineBefore(descriptor: number, end: number): number {
  const chunk = Buffer.alloc(chunkBytes);
  for (let to = end; to > 0; to -= chunkBytes) {
    const from = Math.max(0, to - chunkBytes);
    const read = readSync(descriptor, chunk, 0, to - from, from);
    const found = chunk.subarray(0, read).lastIndexOf(0x0a);
    if (found !== -1) return from + found;
  }
  return -1;
}
