// Takes gRPC messages out of the bytes of an HTTP/2 stream, however these are cut. While it is paused it keeps what came; flow control
// bounds that. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
import { CellwallError } from '../../lib/errors.ts';
import { framePrefix } from '../../lib/grpc-call.ts';

export interface MessageReader {
  push(chunk: Buffer): void;
  pause(): void;
  resume(): void;
  /** No more bytes come; `ended` is called once all messages were taken. */
  end(): void;
  /** Nothing more is taken. */
  stop(): void;
}

export interface MessageReaderOptions {
  /** Bytes of a message. */
  readonly most: number;
  readonly take: (message: Buffer) => void;
  readonly ended: () => void;
  readonly fail: (error: CellwallError) => void;
}

export function createMessageReader({ most, take, ended, fail }: MessageReaderOptions): MessageReader {
  let chunks: Buffer[] = [];
  let length = 0;
  let paused = false;
  let stopped = false;
  let reading = false;
  let finished = false;

  /** The first bytes, in one piece; the chunks begin after them from then on. */
  const cut = (bytes: number): Buffer => {
    const [first] = chunks;
    const whole = first !== undefined && first.length >= bytes ? first : Buffer.concat(chunks);
    if (whole !== first) chunks = [whole];
    if (whole.length === bytes) chunks.shift();
    else chunks[0] = whole.subarray(bytes);
    length -= bytes;
    return whole.subarray(0, bytes);
  };
  let wanted: number | undefined;
  const read = (): void => {
    // What a message makes of its stream may be its pause, and its end.
    if (reading) return;
    reading = true;
    while (!paused && !stopped) {
      if (wanted === undefined) {
        if (length < framePrefix) break;
        const prefix = cut(framePrefix);
        const size = prefix.readUInt32BE(1);
        if (prefix[0] !== 0) {
          stop();
          fail(new CellwallError('unimplemented', 'compressed messages are not taken'));
        } else if (size > most) {
          stop();
          fail(new CellwallError('resource_exhausted', `Received message larger than max (${size} vs. ${most})`));
        } else wanted = size;
        continue;
      }
      if (length < wanted) break;
      const message = wanted === 0 ? Buffer.alloc(0) : cut(wanted);
      wanted = undefined;
      take(message);
    }
    reading = false;
    if (!finished || paused || stopped) return;
    const cutOff = length > 0 || wanted !== undefined;
    stop();
    if (cutOff) fail(new CellwallError('invalid_argument', 'the stream ends within a message'));
    else ended();
  };
  const stop = (): void => {
    stopped = true;
    chunks = [];
    length = 0;
  };
  return {
    push(chunk) {
      if (stopped) return;
      chunks.push(chunk);
      length += chunk.length;
      read();
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      read();
    },
    end() {
      finished = true;
      read();
    },
    stop,
  };
}
