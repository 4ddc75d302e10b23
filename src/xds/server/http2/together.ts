// What is written while a peer's bytes are handled goes out in one piece: a write costs far more than its bytes.
import type { Socket } from 'node:net';

export interface Together {
  /** `sent` is called once it was sent. */
  write(bytes: Buffer, sent?: () => void): void;
  /** Whatever `run` writes, and what was written before the first call, leaves when it ends. May throw what `run` throws. */
  together(run: () => void): void;
  /** Ends the socket, after all that was written and these. */
  end(bytes?: Buffer): void;
}

/** `first` leaves with the first piece. */
export function createTogether(
  socket: Pick<Socket, 'destroyed' | 'writable' | 'write' | 'end'>,
  first: Buffer,
): Together {
  let pieces: Buffer[] | undefined = [first];
  const leave = (): void => {
    const [piece] = pieces ?? [];
    if (pieces === undefined || piece === undefined) return;
    const bytes = pieces.length === 1 ? piece : Buffer.concat(pieces);
    pieces = [];
    if (socket.writable) socket.write(bytes);
  };
  return {
    write(bytes, sent) {
      if (socket.destroyed) return;
      if (pieces !== undefined && sent === undefined) {
        pieces.push(bytes);
        return;
      }
      leave();
      socket.write(bytes, sent);
    },
    together(run) {
      pieces ??= [];
      try {
        run();
      } finally {
        leave();
        pieces = undefined;
      }
    },
    end(bytes) {
      leave();
      if (bytes === undefined) socket.end();
      else socket.end(bytes);
    },
  };
}
