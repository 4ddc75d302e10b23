// Writes to a reader that may be slow: what it has not taken yet is replaced by what is newer, so that nothing piles up for it.
import type { GrpcCall } from '../lib/grpc-call.ts';

export function createNewestOnly(call: Pick<GrpcCall, 'write'>): (frame: Buffer) => void {
  let waiting: Buffer | undefined;
  let busy = false;
  const write = (frame: Buffer): void => {
    busy = true;
    call.write(frame, () => {
      busy = false;
      const next = waiting;
      waiting = undefined;
      if (next !== undefined) write(next);
    });
  };
  return (frame) => {
    if (busy) waiting = frame;
    else write(frame);
  };
}
