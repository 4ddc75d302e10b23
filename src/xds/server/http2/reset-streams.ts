// The streams that this side reset: until the peer knows, what comes on them is ignored. On another that is closed nothing may come.
// https://www.rfc-editor.org/rfc/rfc9113#section-5.1
import { ConnectionFault, errorCode } from './frames.ts';

export interface ResetStreams {
  add(stream: number): void;
  /** Of one that is gone. Throws a ConnectionFault unless it was reset. */
  check(stream: number): void;
}

/** Of the latest. */
const most = 1024;

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
