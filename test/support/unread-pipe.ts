// A pipe of the system's own (not a socket, as spawn's are) with a reader that does not read: full, until it is told to.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface UnreadPipe {
  /** To hand to a process. */
  readonly fd: number;
  /** What fits is in it. */
  fill(): void;
  /** What is in it now. */
  read(): string;
  /** Its reader goes away. */
  leave(): void;
  close(): void;
}

export function createUnreadPipe(folder: string): UnreadPipe {
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY);
  let left = false;
  const leave = (): void => {
    if (!left) closeSync(reader);
    left = true;
  };
  return {
    fd,
    fill() {
      const own = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      // Whole blocks, then what is left of the last.
      for (const size of [4096, 1]) {
        const block = Buffer.alloc(size, 'x');
        try {
          for (;;) writeSync(own, block);
        } catch (reason) {
          if (!(reason instanceof Error && 'code' in reason && reason.code === 'EAGAIN')) throw reason;
        }
      }
      closeSync(own);
    },
    read() {
      const chunk = Buffer.alloc(65_536);
      let text = '';
      try {
        for (let size = readSync(reader, chunk); size > 0; size = readSync(reader, chunk)) {
          text += chunk.toString('utf8', 0, size);
        }
      } catch (reason) {
        if (!(reason instanceof Error && 'code' in reason && reason.code === 'EAGAIN')) throw reason;
      }
      return text;
    },
    leave,
    close() {
      closeSync(fd);
      leave();
    },
  };
}
