// Protobuf's wire format, as much as is spliced and scanned here: https://protobuf.dev/programming-guides/encoding/

const empty: readonly never[] = [];

/** Bytes of a varint below 2^32. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value >>> 0;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** A length-delimited field (wire type 2) that holds `parts` one after another, as parts: nothing is copied. */
export function field(number: number, parts: readonly Uint8Array[]): readonly Uint8Array[] {
  let length = 0;
  for (const part of parts) length += part.length;
  return [varint((number << 3) | 2), varint(length), ...parts];
}

/** A string field; proto3 leaves an empty one out. */
export function stringField(number: number, text: string): readonly Uint8Array[] {
  return text === '' ? empty : field(number, [Buffer.from(text, 'utf8')]);
}

/** Calls `visit` for each length-delimited field; false if `bytes` is no well-formed message. */
export function scanFields(bytes: Uint8Array, visit: (value: Uint8Array) => void): boolean {
  const found: Uint8Array[] = [];
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
      found.push(bytes.subarray(at, at + length));
      at += length;
    } else return false;
    if (at > bytes.length) return false;
  }
  for (const value of found) visit(value);
  return true;
}
