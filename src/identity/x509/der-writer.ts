// Writes DER from its end to its beginning: what is inside is there before its header, so that no length is worked out beforehand and
// nothing is copied twice. For what is made often; `writeDer` reads better.

export interface DerWriter {
  /** Where it stands: what is put from here on comes before what was put until now. */
  mark(): number;
  put(bytes: Uint8Array): void;
  /** A header for all that was put since `mark` answered `end`. */
  wrap(tag: number, end: number): void;
  /** All of it. The writer is done then. */
  bytes(): Buffer;
}

/** `size`: at least as many bytes as it will be. Throws a RangeError beyond. */
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
