// Finds fields in a protobuf message without decoding it: where the values of the wanted ones are. Whatever is unusual (a field twice,
// another wire type, a number that is too long) is not found but refused: then the message has to be decoded as a whole.
// https://protobuf.dev/programming-guides/encoding/
import { WireType } from '@bufbuild/protobuf/wire';

/** Holds the places of the last message that it ran over. */
export interface Scan {
  /** False: the message must be decoded as a whole. */
  run(bytes: Uint8Array, from: number, to: number): boolean;
  has(field: number): boolean;
  /** Where the value begins, and ends; for a field that it has. */
  from(field: number): number;
  to(field: number): number;
}

export interface Wanted {
  /** Texts, bytes and messages. */
  readonly delimited?: readonly number[];
  readonly varint?: readonly number[];
  /** Messages that have one are refused. */
  readonly refused?: readonly number[];
}

const notWanted = 255;
const refuse = 254;

export function createScan({ delimited = [], varint = [], refused = [] }: Wanted): Scan {
  const size = Math.max(...delimited, ...varint, ...refused) + 1;
  const wires = new Uint8Array(size).fill(notWanted);
  for (const field of delimited) wires[field] = WireType.LengthDelimited;
  for (const field of varint) wires[field] = WireType.Varint;
  for (const field of refused) wires[field] = refuse;
  const froms = new Int32Array(size);
  const tos = new Int32Array(size);
  const cursor = createCursor();
  return {
    run(bytes, from, to) {
      froms.fill(-1);
      cursor.at = from;
      while (nextField(bytes, cursor, to)) {
        const { field, wire } = cursor;
        if (field >= size || wires[field] === notWanted) continue;
        if (wires[field] !== wire || froms[field] !== -1) return false;
        froms[field] = cursor.from;
        tos[field] = cursor.at;
      }
      return cursor.at === to;
    },
    has: (field) => froms[field] !== -1,
    from: (field) => froms[field] ?? -1,
    to: (field) => tos[field] ?? -1,
  };
}

/**
 * Calls `visit` with the place of each value of the wanted field, which is repeated and delimited. False like `Scan.run`,
 * or if `visit` says so.
 */
export function scanRepeated(
  bytes: Uint8Array,
  { from, to, field }: { readonly from: number; readonly to: number; readonly field: number },
  visit: (from: number, to: number) => boolean,
): boolean {
  const cursor = createCursor();
  cursor.at = from;
  while (nextField(bytes, cursor, to)) {
    if (cursor.field !== field) continue;
    if (cursor.wire !== WireType.LengthDelimited || !visit(cursor.from, cursor.at)) return false;
  }
  return cursor.at === to;
}

/** Undefined for what is negative or too large to be exact. */
export function readVarint(bytes: Uint8Array, from: number, to: number): number | undefined {
  // Seven bytes hold 49 bits.
  if (to - from > 7) return undefined;
  let value = 0;
  for (let at = to - 1; at >= from; at--) value = value * 128 + ((bytes[at] ?? 0) & 0x7f);
  return value;
}

/** A field of a message. */
export interface Cursor {
  /** Behind the field; -1 after something unusual. */
  at: number;
  field: number;
  wire: number;
  /** Where the field's value begins. */
  from: number;
}

export function createCursor(): Cursor {
  return { at: 0, field: 0, wire: 0, from: 0 };
}

/** Moves on to the next field. False at the end of the message, and for what is unusual (`at` is -1 then). */
export function nextField(bytes: Uint8Array, cursor: Cursor, to: number): boolean {
  let { at } = cursor;
  if (at >= to) return false;
  cursor.at = -1;
  let tag = bytes[at++] ?? 0;
  if (tag >= 0x80) {
    const second = bytes[at++] ?? 0x80;
    // Field numbers over 2047: not Envoy's.
    if (second >= 0x80) return false;
    tag = (tag & 0x7f) | (second << 7);
  }
  cursor.field = tag >>> 3;
  cursor.wire = tag & 7;
  let length = 0;
  switch (cursor.wire) {
    case WireType.LengthDelimited: {
      let shift = 0;
      for (;;) {
        const byte = bytes[at++] ?? 0x80;
        length |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
        shift += 7;
        // Longer than any entry.
        if (shift > 21) return false;
      }
      break;
    }
    case WireType.Varint:
      while ((bytes[at + length] ?? 0) >= 0x80) length++;
      if (++length > 10) return false;
      break;
    case WireType.Bit64:
      length = 8;
      break;
    case WireType.Bit32:
      length = 4;
      break;
    default:
      return false;
  }
  if (cursor.field === 0 || at + length > to) return false;
  cursor.from = at;
  cursor.at = at + length;
  return true;
}
