// Where log lines go: a file descriptor that may be a pipe nobody reads, or a terminal that was stopped. Writing never blocks: what does
// not fit is kept up to a limit, then dropped and counted, and the count is reported once somebody reads again.
import { constants, fstatSync, openSync, writeSync } from 'node:fs';

export interface LogSink {
  /** Complete lines. */
  write(text: string): void;
  /** Lines that were dropped since the start. */
  dropped(): number;
  /** At the end of the process: waits a moment for a reader that is merely slow. */
  last(): void;
}

/** Writes what fits at once, and returns how many bytes; throws EAGAIN if nothing fits. */
export type WriteNow = (chunk: Uint8Array) => number;

export interface LogSinkOptions {
  /** Maximum number of bytes waiting for a reader. */
  readonly maxBytes?: number;
  /** The line that reports how many were dropped. */
  readonly tell?: (dropped: number) => string;
}

const retryMs = 100;
const lastMs = 250;

/** Default: 1 MiB waits at most. */
export function createLogSink(writeNow: WriteNow, options: LogSinkOptions = {}): LogSink {
  const { maxBytes = 1_048_576, tell = droppedLine } = options;
  const waiting: Waiting[] = [];
  let bytes = 0;
  let dropped = 0;
  let untold = 0;
  let planned = false;

  /** True if nothing is waiting any more. */
  function flush(): boolean {
    for (;;) {
      if (waiting.length === 0 && untold > 0) {
        keep({ chunk: Buffer.from(tell(untold)), lines: 0, tells: untold });
        untold = 0;
      }
      const next = waiting.shift();
      if (next === undefined) return true;
      bytes -= next.chunk.length;
      const written = attempt(next.chunk);
      if (written === 'gone') {
        // Then everything that waits is lost as well. The process continues, and reports that to the next reader.
        for (const { lines, tells } of [next, ...waiting.splice(0)]) drop(lines, tells);
        bytes = 0;
        return true;
      }
      if (written === next.chunk.length) continue;
      const rest = { ...next, chunk: next.chunk.subarray(written) };
      waiting.unshift(rest);
      bytes += rest.chunk.length;
      return false;
    }
  }

  /** Gone: the reader (EPIPE), or the space on the disk. */
  function attempt(chunk: Uint8Array): number | 'gone' {
    try {
      return writeNow(chunk);
    } catch (reason) {
      return isFull(reason) ? 0 : 'gone';
    }
  }

  function keep(one: Waiting): void {
    waiting.push(one);
    bytes += one.chunk.length;
  }

  function drop(lines: number, tells = 0): void {
    dropped += lines;
    untold += lines + tells;
  }

  function later(): void {
    if (planned) return;
    planned = true;
    setTimeout(() => {
      planned = false;
      if (!flush()) later();
    }, retryMs).unref();
  }

  return {
    write(text) {
      const chunk = Buffer.from(text);
      const room = flush();
      if (!room && bytes + chunk.length > maxBytes) drop(linesOf(chunk));
      else keep({ chunk, lines: linesOf(chunk), tells: 0 });
      if (!room || !flush()) later();
    },
    dropped: () => dropped,
    last() {
      const end = performance.now() + lastMs;
      const clock = new Int32Array(new SharedArrayBuffer(4));
      while (!flush() && performance.now() < end) Atomics.wait(clock, 0, 0, 10);
    },
  };
}

/** What is not written yet: lines, or the line that reports dropped ones. */
interface Waiting {
  readonly chunk: Uint8Array;
  readonly lines: number;
  readonly tells: number;
}

/** Stdout or stderr in a form that never blocks this process. */
export function writeNowTo(descriptor: 1 | 2): WriteNow {
  const fd = ownDescriptor(descriptor);
  return (chunk) => writeSync(fd, chunk);
}

/**
 * A pipe or a terminal is opened again, so that this process has its own to make non-blocking: the inherited one is shared with others. A
 * socket cannot be: Node makes the inherited one non-blocking when it opens its stream. A file never blocks.
 */
function ownDescriptor(fd: 1 | 2): number {
  try {
    const stat = fstatSync(fd);
    if (stat.isFile()) return fd;
    if (!stat.isSocket()) {
      return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    }
  } catch {
    // Closed, no /proc, or another user's.
  }
  void (fd === 1 ? process.stdout : process.stderr);
  return fd;
}

function isFull(reason: unknown): boolean {
  return reason instanceof Error && 'code' in reason && reason.code === 'EAGAIN';
}

function linesOf(chunk: Uint8Array): number {
  return chunk.reduce((sum, byte) => sum + (byte === 10 ? 1 : 0), 0);
}

/** What the log says of lines that are not in it. */
export function droppedLine(dropped: number): string {
  return `${JSON.stringify({ level: 40, time: Date.now(), dropped, msg: 'lines of the log were dropped: nobody read them' })}\n`;
}
