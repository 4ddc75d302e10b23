// The streams that this side reset: until the peer knows, what arrives on them is ignored. On any other closed stream nothing may arrive.
// https://www.rfc-editor.org/rfc/rfc9113#section-5.1
import { ConnectionFault, errorCode } from './frames.ts';

export interface ResetStreams {
  add(stream: number): void;
  /** Something arrived on a closed stream. Throws a ConnectionFault unless it was reset. */
  check(stream: number): void;
}

/** How many of the latest are kept. */
const most = 1024;

/** Bounded: the oldest ones are forgotten. */
export function createResetStreams(): ResetStreams {
  const streams = new Set<number>();
  return {
    add(stream) {
      streams.add(stream);
      if (streams.size <= most) return;
      const [oldest = stream] = streams;
      streams.delete(oldest);
    },
    check(stream) {
      if (!streams.has(stream)) throw new ConnectionFault(errorCode.streamClosed, 'the stream is closed');
    },
  };
}
