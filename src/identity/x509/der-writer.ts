// Writes DER from its end to its beginning: the content is there before its header, so that no length is computed in advance and nothing is
// copied twice. For frequently written structures; `writeDer` reads better.

export interface DerWriter {
  /** The current position: what is put from here on comes before what was put so far. */
  mark(): number;
  put(bytes: Uint8Array): void;
  /** A header for everything that was put since `mark` returned `end`. */
  wrap(tag: number, end: number): void;
  /** All bytes. The writer must not be used afterwards. */
  bytes(): Buffer;
}

/** `size`: an upper bound of the number of bytes. Throws a RangeError beyond. */
export function createDerWriter(size: number): DerWriter {
  const buffer = Buffer.allocUnsafe(size);
  let at = size;
  const byte = (value: number): void => {
    if (at === 0) throw new RangeError('DER is longer than was said');
    at -= 1;
    buffer[at] = value;
  };
  return {
    mark: () => at,
    put(bytes) {
      if (bytes.length > at) throw new RangeError('DER is longer than was said');
      at -= bytes.length;
      buffer.set(bytes, at);
    },
    wrap(tag, end) {
      const length = end - at;
      if (length < 0x80) byte(length);
      else {
        let rest = length;
        let size = 0;
        for (; rest > 0; size += 1) {
          byte(rest & 0xff);
          rest >>>= 8;
        }
        byte(0x80 | size);
      }
      byte(tag);
    },
    bytes: () => buffer.subarray(at),
  };
}
