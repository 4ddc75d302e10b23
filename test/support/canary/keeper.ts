// Where a process of a test run writes down what it made and what it said: a folder of that run alone, whose path is in the environment.
// Blocks of one file are of one process; what follows a header, up to the next, is of the stream that the header names.
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** The folder of the run. Without it nothing is kept. */
export const folderVariable = 'CELLWALL_CANARY_FOLDER';
/** The test file that a process belongs to. */
const testVariable = 'CELLWALL_CANARY_TEST';

export interface Origin {
  /** `stdout`, `stderr`, `socket`, `log`, `page`, `failure`, … */
  readonly kind: string;
  /** Which of that kind: `cellwall.cjs serve`. Never an argument, which may be a secret. */
  readonly label: string;
}

export interface BlockHeader extends Origin {
  readonly test: string;
}

export const headerMark = '\0\0canary ';

export interface Keeper {
  readonly folder: string;
  test(): string;
  setTest(path: string): void;
  /** Appends a line of JSON to this process's file of that name. */
  line(name: string, value: object): void;
  block(origin: Origin, bytes: Uint8Array): void;
  /** A name for a file of its own in the folder. */
  place(name: string): string;
}

export function createKeeper(folder: string): Keeper {
  // Several threads have one process id.
  const own = `${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  const open = new Map<string, number>();
  let count = 0;
  let test = process.env[testVariable] ?? '';
  const file = (name: string): number => {
    const there = open.get(name);
    if (there !== undefined) return there;
    const fd = openSync(join(folder, `${name}-${own}`), 'a', 0o600);
    open.set(name, fd);
    return fd;
  };
  // Whatever is wrong with the folder is no fault of the test: a run whose folder is gone finds fewer secrets, and says so.
  const write = (name: string, bytes: string | Uint8Array): void => {
    try {
      const fd = file(name);
      if (typeof bytes === 'string') writeSync(fd, bytes);
      else writeSync(fd, bytes);
    } catch {
      const fd = open.get(name);
      if (fd !== undefined) closeSync(fd);
      open.delete(name);
    }
  };
  return {
    folder,
    test: () => test,
    setTest(path) {
      test = path;
      // Of the processes that it starts, too.
      process.env[testVariable] = path;
    },
    line: (name, value) => write(name, `${JSON.stringify(value)}\n`),
    block(origin, bytes) {
      const header: BlockHeader = { ...origin, test };
      write('outputs', Buffer.concat([Buffer.from(`${headerMark}${JSON.stringify(header)}\n`), bytes]));
    },
    place: (name) => join(folder, `${name}-${own}-${++count}`),
  };
}
