// What a connection writes to its socket: one write at a time, and what comes meanwhile together in the next one. Node's TLS keeps buffers
// as large as a connection's largest write for as long as the connection lives (`NodeBIO`), so a write is cut to what one buffer holds.
import type { Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { slab } from '../../../lib/slab.ts';

export interface SocketWriter {
  /** `sent` is called once the kernel has taken all of it; never, if the connection breaks before. */
  write(bytes: Buffer, sent?: () => void): void;
  /** As `write`, but it waits for what is written next, or for `flush`. */
  hold(bytes: Buffer): void;
  flush(): void;
  /** Writes what is left, then `last`, and ends this side. Nothing is written after it. */
  end(last?: Buffer): void;
}

interface Part {
  readonly bytes: Buffer;
  readonly sent: (() => void) | undefined;
}

/** One TLS record (RFC 8446 §5.1), which with its header and tag is no larger than one of Node's buffers. */
const mostSecure = 16_384 - 64;
const mostPlain = 65_536;

/** `most`: how much is written at a time. */
export function createSocketWriter(
  socket: Pick<Writable, 'write' | 'end' | 'destroyed'>,
  most = socket instanceof TLSSocket ? mostSecure : mostPlain,
): SocketWriter {
  let queue: Part[] = [];
  /** Of the first of the queue, how much is written. */
  let from = 0;
  let [writing, over] = [false, false];
  /** Of what is being written whole. */
  let sents: readonly (() => void)[] = [];

  const done = (error?: Error | null): void => {
    writing = false;
    const those = sents;
    sents = [];
    if (error) {
      over = true;
      queue = [];
      return;
    }
    for (const sent of those) sent();
    if (!writing) next();
  };
  const put = (bytes: Buffer): void => {
    writing = true;
    socket.write(bytes, done);
  };
  const next = (): void => {
    const pieces: Buffer[] = [];
    const whole: (() => void)[] = [];
    let size = 0;
    let taken = 0;
    for (const { bytes, sent } of queue) {
      const piece = bytes.subarray(from, from + most - size);
      pieces.push(piece);
      size += piece.length;
      from += piece.length;
      if (from < bytes.length) break;
      from = 0;
      taken++;
      if (sent !== undefined) whole.push(sent);
      if (size === most) break;
    }
    const [first] = pieces;
    if (first === undefined) return;
    queue = taken === queue.length ? [] : queue.slice(taken);
    sents = whole;
    put(pieces.length === 1 ? first : joined(pieces, size));
  };
  return {
    write(bytes, sent) {
      if (over || socket.destroyed) return;
      if (!writing && queue.length === 0 && bytes.length <= most) {
        if (sent !== undefined) sents = [sent];
        put(bytes);
        return;
      }
      queue.push({ bytes, sent });
      if (!writing) next();
    },
    hold(bytes) {
      if (!over && !socket.destroyed) queue.push({ bytes, sent: undefined });
    },
    flush() {
      if (!writing && !over && !socket.destroyed) next();
    },
    end(last) {
      if (over) return;
      over = true;
      for (const { bytes, sent } of queue) {
        socket.write(bytes.subarray(from), sent);
        from = 0;
      }
      queue = [];
      if (last === undefined) socket.end();
      else socket.end(last);
    },
  };
}

function joined(pieces: readonly Buffer[], size: number): Buffer {
  const bytes = slab(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
