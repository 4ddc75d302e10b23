// What a test or a program of the run removes: each file gets a second name in the folder of the run before it goes. That costs no
// copy, and what stood in logs, audit logs and data folders can be read when all secrets are known.
import fs, { fstatSync, linkSync, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Keeper } from './keeper.ts';
import { wrap } from './wrap.ts';

/** A line of the file `files`. */
export interface FileLine {
  /** Where it is kept. */
  readonly kept: string;
  /** Where it was. */
  readonly path: string;
  readonly test: string;
}

/** A program, or a flood: what was said begins before. */
const largestBytes = 64 * 1024 * 1024;
/** Whole projects are copied by some tests; these parts hold nothing that was written by a run. */
const passedOver: ReadonlySet<string> = new Set(['node_modules', '.git', 'gen']);

export interface RemovedFiles {
  /** Keeps the file behind a descriptor that is about to be given to another process. */
  keepDescriptor(fd: number): void;
}

export function keepRemovedFiles(keeper: Keeper): RemovedFiles {
  const keepFile = (path: string): void => {
    const kept = keeper.place('file');
    linkSync(path, kept);
    const line: FileLine = { kept, path, test: keeper.test() };
    keeper.line('files', line);
  };
  const keep = (path: string): void => {
    try {
      const stat = lstatSync(path);
      if (stat.isFile()) {
        if (stat.size > largestBytes) keeper.line('cuts', { kind: 'file', label: path, test: keeper.test() });
        else if (stat.size > 0) keepFile(path);
      } else if (stat.isDirectory()) {
        for (const name of readdirSync(path)) if (!passedOver.has(name)) keep(join(path, name));
      }
    } catch {
      // It went meanwhile, is somebody else's, or lies on another file system.
    }
  };
  const around = (target: object, name: string): void =>
    wrap(target, name, (original) => {
      return function (this: unknown, ...args) {
        const [path] = args;
        if (typeof path === 'string' && !path.startsWith(keeper.folder)) keep(path);
        return original.apply(this, args);
      };
    });
  around(fs, 'rmSync');
  around(fs, 'rm');
  around(fs.promises, 'rm');
  return {
    keepDescriptor(fd) {
      try {
        // Of a named pipe there is nothing to keep, and whoever opened it later would wait.
        if (fstatSync(fd).isFile()) keepFile(readlinkSync(`/proc/self/fd/${fd}`));
      } catch {
        // Another system than Linux, or another file system.
      }
    },
  };
}
