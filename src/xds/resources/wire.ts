// Protobuf's wire format, as far as it is written and scanned here: https://protobuf.dev/programming-guides/encoding/

/** Size of a field with a length (wire type 2), including its tag and length; numbers below 2^28. */
export function fieldSize(number: number, length: number): number {
  return varintSize(number * 8) + varintSize(length) + length;
}

/** Size of a text; proto3 omits an empty one. */
export function textSize(number: number, text: string): number {
  return text === '' ? 0 : fieldSize(number, Buffer.byteLength(text));
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) size++;
  return size;
}

/** Writes fields into a Buffer that is large enough, one after another. */
export interface FieldWriter {
  /** The tag and the length; the field's content follows. */
  open(number: number, length: number): void;
  bytes(value: Uint8Array): void;
  text(number: number, text: string): void;
}

/**
 * Writes at `from` and onwards. There must be space for it: nothing is checked. Empty texts are left out, as proto3
 * does.
 */
export function fieldWriter(into: Buffer, from: number): FieldWriter {
  let at = from;
  const varint = (value: number): void => {
    let rest = value >>> 0;
    for (; rest > 0x7f; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
    into[at++] = rest;
  };
  const open = (number: number, length: number): void => {
    varint(number * 8 + 2);
    varint(length);
  };
  return {
    open,
    bytes(value) {
      into.set(value, at);
      at += value.length;
    },
    text(number, text) {
      if (text === '') return;
      open(number, Buffer.byteLength(text));
      at += into.write(text, at, 'utf8');
    },
  };
}

/** Calls `visit` for each length-delimited field; false if `bytes` is not a well-formed message. */
export function scanFields(
  bytes: Uint8Array,
  visit: (value: Uint8Array, number: number, start: number, end: number) => void,
): boolean {
  const found: (readonly [value: Uint8Array, number: number, start: number, end: number])[] = [];
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length && scale <= 2 ** 63; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < bytes.length) {
    const start = at;
    const tag = readVarint();
    if (!(tag >= 8)) return false;
    const kind = tag % 8;
    if (kind === 0) {
      if (Number.isNaN(readVarint())) return false;
    } else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = readVarint();
      if (!(at + length <= bytes.length)) return false;
      found.push([bytes.subarray(at, at + length), Math.floor(tag / 8), start, at + length]);
      at += length;
    } else return false;
    if (at > bytes.length) return false;
  }
  for (const field of found) visit(...field);
  return true;
}
