// Reads messages whose texts are not all UTF-8, as Envoy sends them: it puts callers' bytes into string fields unchecked. Such bytes are
// kept as escapes (`\xc3(`), and everything else as it is. Otherwise one caller's odd header would lose everybody's entries.
// https://protobuf.dev/programming-guides/encoding/
import { isUtf8 } from 'node:buffer';
import { type DescField, type DescMessage, fromBinary, type MessageShape, ScalarType } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Nesting of messages; Envoy sends nothing deeper. */
const maxDepth = 32;

/** Throws for what is no such message. */
export function readLenient<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  const options = { readUnknownFields: false };
  try {
    return fromBinary(schema, bytes, options);
  } catch {
    return fromBinary(schema, withEscapedTexts(schema, bytes, 0), options);
  }
}

/** The same message with every text valid; fields that the schema does not know are left out. */
function withEscapedTexts(schema: DescMessage, bytes: Uint8Array, depth: number): Uint8Array {
  if (depth > maxDepth) throw new Error('nested too deep');
  const fields = new Map(schema.fields.map((field) => [field.number, field]));
  const reader = new BinaryReader(bytes);
  const writer = new BinaryWriter();
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wire] = reader.tag();
    const field = fields.get(number);
    if (field === undefined || wire !== WireType.LengthDelimited) {
      reader.skip(wire, number);
      if (field !== undefined) writer.raw(bytes.subarray(start, reader.pos));
    } else writer.tag(number, wire).bytes(valueBytes(field, reader.bytes(), depth));
  }
  return writer.finish();
}

function valueBytes(field: DescField, value: Uint8Array, depth: number): Uint8Array {
  switch (field.fieldKind) {
    case 'message':
      return withEscapedTexts(field.message, value, depth + 1);
    case 'map':
      return entryOf(field, value, depth);
    case 'list':
      if (field.listKind === 'message') return withEscapedTexts(field.message, value, depth + 1);
      return field.listKind === 'scalar' && field.scalar === ScalarType.STRING ? escaped(value) : value;
    case 'scalar':
      return field.scalar === ScalarType.STRING ? escaped(value) : value;
    default:
      return value;
  }
}

/** An entry of a map is a message itself: key 1, value 2. */
function entryOf(field: DescField & { fieldKind: 'map' }, bytes: Uint8Array, depth: number): Uint8Array {
  const reader = new BinaryReader(bytes);
  const writer = new BinaryWriter();
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wire] = reader.tag();
    if (wire !== WireType.LengthDelimited) {
      reader.skip(wire, number);
      writer.raw(bytes.subarray(start, reader.pos));
      continue;
    }
    const value = reader.bytes();
    const text = number === 1 ? field.mapKey === ScalarType.STRING : field.scalar === ScalarType.STRING;
    const nested = number === 2 && field.mapKind === 'message';
    writer
      .tag(number, wire)
      .bytes(nested ? withEscapedTexts(field.message, value, depth + 1) : text ? escaped(value) : value);
  }
  return writer.finish();
}

function escaped(bytes: Uint8Array): Uint8Array {
  return isUtf8(bytes) ? bytes : Buffer.from(escapeOddBytes(bytes));
}

/** Bytes as text: what is not UTF-8 as `\xNN`. */
export function escapeOddBytes(bytes: Uint8Array): string {
  const parts: string[] = [];
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let good = 0;
  for (let at = 0; at < all.length; ) {
    const length = lengthOf(all[at] ?? 0);
    if (length > 0 && at + length <= all.length && (length === 1 || isUtf8(all.subarray(at, at + length)))) {
      at += length;
      continue;
    }
    parts.push(all.toString('utf8', good, at), `\\x${(all[at] ?? 0).toString(16).padStart(2, '0')}`);
    good = ++at;
  }
  parts.push(all.toString('utf8', good));
  return parts.join('');
}

/** Length of the sequence that a byte begins; 0 if it begins none (RFC 3629 §3). */
function lengthOf(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}
