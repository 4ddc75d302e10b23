// Where log lines go: a file descriptor that may be a pipe nobody reads, or a terminal that was stopped. Writing never waits: what does
// not fit is kept within a bound, then dropped and counted, and told once somebody reads again.
import { constants, fstatSync, openSync, writeSync } from 'node:fs';

export interface LogSink {
  /** Whole lines. */
  write(text: string): void;
  /** Lines that were dropped since the start. */
  dropped(): number;
  /** At the end of the process: waits a moment for a reader that is only slow. */
  last(): void;
}

/** Writes what fits at once, and answers how many bytes; throws EAGAIN where nothing does. */
export type WriteNow = (chunk: Uint8Array) => number;

export interface LogSinkOptions {
  /** Bytes that wait for a reader at most. */
  readonly maxBytes?: number;
  /** The line that tells how many were dropped. */
  readonly tell?: (dropped: number) => string;
}

const retryMs = 100;
const lastMs = 250;

export function createLogSink(writeNow: WriteNow, options: LogSinkOptions = {}): LogSink {
  const { maxBytes = 1_048_576, tell = tellDropped } = options;
  const waiting: Uint8Array[] = [];
  let bytes = 0;
  let dropped = 0;
  let untold = 0;
  let planned = false;

  /** True when nothing waits any more. */
  function flush(): boolean {
    for (;;) {
      if (waiting.length === 0 && untold > 0) {
        keep(Buffer.from(tell(untold)));
        untold = 0;
      }
      const chunk = waiting.shift();
      if (chunk === undefined) return true;
      const written = attempt(chunk);
      bytes -= written;
      if (written === chunk.length) continue;
      waiting.unshift(chunk.subarray(written));
      return false;
    }
  }

  function attempt(chunk: Uint8Array): number {
    try {
      return writeNow(chunk);
    } catch (reason) {
      if (isFull(reason)) return 0;
      // Its reader is gone (EPIPE), or the disk is full: the process goes on.
      dropped += linesOf(chunk);
      return chunk.length;
    }
  }

  function keep(chunk: Uint8Array): void {
    waiting.push(chunk);
    bytes += chunk.length;
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
      if (!room && bytes + chunk.length > maxBytes) {
        dropped += linesOf(chunk);
        untold += linesOf(chunk);
      } else {
        keep(chunk);
      }
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

/** Stderr, as it never makes this process wait. */
export function stderrNow(): WriteNow {
  const fd = ownDescriptor(2);
  return (chunk) => writeSync(fd, chunk);
}

/**
 * A pipe or a terminal is opened once more, so that it is this process's own to make non-blocking: others share what was inherited. A
 * socket cannot be: Node makes the inherited one non-blocking when it opens its stream. A file never waits for a reader.
 */
function ownDescriptor(fd: 2): number {
  try {
    const stat = fstatSync(fd);
    if (stat.isFile()) return fd;
    if (!stat.isSocket()) {
      return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    }
  } catch {
    // Closed, no /proc, or another user's.
  }
  void process.stderr;
  return fd;
}

function isFull(reason: unknown): boolean {
  return reason instanceof Error && 'code' in reason && reason.code === 'EAGAIN';
}

function linesOf(chunk: Uint8Array): number {
  return chunk.reduce((sum, byte) => sum + (byte === 10 ? 1 : 0), 0);
}

function tellDropped(dropped: number): string {
  return `${JSON.stringify({ level: 40, time: Date.now(), dropped, msg: 'lines of the log were dropped: nobody read them' })}\n`;
}
