// Extracts frames from the bytes of a connection, however they are split: the preface, then frame after frame, none longer than agreed.
import { ConnectionFault, errorCode, headBytes, mostPayload } from './frames.ts';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** `payload` is a view of the bytes received: use it at once. */
export type TakeFrame = (type: number, flags: number, stream: number, payload: Buffer) => void;

export interface FrameReader {
  /** Throws a ConnectionFault. */
  push(chunk: Buffer): void;
}

/** `take` is called for each whole frame, within `push`. */
export function createFrameReader(take: TakeFrame): FrameReader {
  let greeted = false;
  // What has arrived of an incomplete frame, and how long it will be, as far as known.
  let kept: Buffer[] = [];
  let length = 0;
  let wanted: number = preface.length;

  const read = (bytes: Buffer): Buffer => {
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      if (!greeted) {
        const shown = Math.min(left, preface.length);
        if (bytes.compare(preface, 0, shown, 0, shown) !== 0) {
          throw new ConnectionFault(errorCode.protocol, 'this is not HTTP/2');
        }
        if (left < preface.length) break;
        greeted = true;
        at = preface.length;
        continue;
      }
      wanted = headBytes;
      if (left < headBytes) break;
      const size = bytes.readUIntBE(at, 3);
      if (size > mostPayload) throw new ConnectionFault(errorCode.frameSize, 'a frame is larger than was agreed');
      wanted = headBytes + size;
      if (left < wanted) break;
      const from = at + headBytes;
      take(
        bytes[at + 3] ?? 0,
        bytes[at + 4] ?? 0,
        bytes.readUInt32BE(at + 5) & 0x7fffffff,
        bytes.subarray(from, from + size),
      );
      at = from + size;
    }
    return at === 0 ? bytes : bytes.subarray(at);
  };
  return {
    push(chunk) {
      if (length === 0) {
        const rest = read(chunk);
        if (rest.length > 0) kept = [rest];
        length = rest.length;
        return;
      }
      kept.push(chunk);
      length += chunk.length;
      // Chunks of single bytes cost far more than they contain.
      if (kept.length > 64) kept = [Buffer.concat(kept, length)];
      if (length < wanted && greeted) return;
      const rest = read(Buffer.concat(kept, length));
      kept = rest.length > 0 ? [rest] : [];
      length = rest.length;
    },
  };
}
