// Extracts gRPC messages from the bytes of an HTTP/2 stream, however they are split. While paused, it keeps what arrives; flow control
// limits that. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
import { CellwallError } from '../../lib/errors.ts';
import { framePrefix } from '../../lib/grpc-call.ts';

/** `take` may be called within `push` and `resume`, several times. Compressed messages are refused. */
export interface MessageReader {
  push(chunk: Buffer): void;
  pause(): void;
  resume(): void;
  /** No more bytes will come; `ended` is called once all messages were delivered. */
  end(): void;
  /** Nothing more is delivered. */
  stop(): void;
}

export interface MessageReaderOptions {
  /** Maximum size of a message in bytes. */
  readonly most: number;
  readonly take: (message: Buffer) => void;
  readonly ended: () => void;
  readonly fail: (error: CellwallError) => void;
}

/** Calls `fail` once, for a message above the limit or an incomplete last one; nothing is delivered after it. */
export function createMessageReader({ most, take, ended, fail }: MessageReaderOptions): MessageReader {
  let chunks: Buffer[] = [];
  let length = 0;
  let paused = false;
  let stopped = false;
  let reading = false;
  let finished = false;

  /** The first bytes, in one piece; from then on, the chunks begin after them. */
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
    // Handling a message may pause the stream, or end it.
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
  /** By far the most chunks are. */
  const isOneMessage = (chunk: Buffer): boolean =>
    chunk.length > framePrefix &&
    chunk[0] === 0 &&
    chunk.readUInt32BE(1) === chunk.length - framePrefix &&
    chunk.length - framePrefix <= most &&
    length === 0 &&
    wanted === undefined &&
    !paused &&
    !reading;
  const stop = (): void => {
    stopped = true;
    chunks = [];
    length = 0;
  };
  return {
    push(chunk) {
      if (stopped) return;
      if (isOneMessage(chunk)) {
        reading = true;
        take(chunk.subarray(framePrefix));
        reading = false;
        // What came meanwhile, and the end.
        if (length > 0 || finished) read();
        return;
      }
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
