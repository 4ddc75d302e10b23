// Encodes messages as `toBinary` does, byte for byte, in one pass through one buffer: what a message shares with others (compose.ts), and
// what is made once for all (constant.ts), is encoded once and copied from then on.
import {
  create,
  type DescField,
  type DescMessage,
  isMessage,
  type Message,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type Composition, compositionOf, memberOf } from './compose.ts';
import { isKept } from './constant.ts';

/** The same bytes as `toBinary`. */
export function encodeMessage(schema: DescMessage, message: Message): Uint8Array {
  // Of another type: it says so.
  if (message.$typeName !== schema.typeName) return toBinary(schema, message);
  const writer = idle.pop() ?? new BinaryWriter();
  // One that an exception leaves half full is not used again.
  write(writer, schema, message);
  const bytes = writer.finish();
  putBack(writer, bytes);
  return bytes;
}

/** Empty, with buffers as large as they ever had to be, but not as large as the largest of all. */
const idle: BinaryWriter[] = [];
const maxIdleBytes = 1024 * 1024;

function putBack(writer: BinaryWriter, { length }: Uint8Array): void {
  if (length <= maxIdleBytes) idle.push(writer);
}

/** `value` is that of the field, if it is set. */
type WriteField = (writer: BinaryWriter, value: unknown, message: Message) => void;

interface Compiled {
  /** In the order of their numbers. */
  readonly fields: readonly CompiledField[];
}

interface CompiledField {
  readonly field: DescField;
  /** The property of a message that holds it. */
  readonly name: string;
  /** In which case that is a choice and holds this field. */
  readonly choice: string | undefined;
  readonly write: WriteField;
}

const compiledOf = new WeakMap<DescMessage, Compiled>();

function compiled(schema: DescMessage): Compiled {
  const there = compiledOf.get(schema);
  if (there !== undefined) return there;
  const sorted = schema.fields.toSorted((a, b) => a.number - b.number);
  const fields = sorted.map((field): CompiledField => {
    const choice = field.oneof === undefined ? undefined : field.localName;
    return { field, name: memberOf(field), choice, write: writerOf(schema, field) };
  });
  const made = { fields };
  compiledOf.set(schema, made);
  return made;
}

function write(writer: BinaryWriter, schema: DescMessage, message: Message): void {
  const how = compositionOf(message);
  if (how === undefined) writeFields(writer, compiled(schema).fields, message);
  else writeComposed(writer, schema, message, how);
  for (const { no, wireType, data } of message.$unknown ?? []) writer.tag(no, wireType).raw(data);
}

function writeComposed(writer: BinaryWriter, schema: DescMessage, message: Message, how: Composition): void {
  for (const { bytes, own } of sharedRuns(schema, how)) {
    if (bytes !== undefined) writer.raw(bytes);
    else writeFields(writer, own, message);
  }
}

function writeFields(writer: BinaryWriter, fields: Compiled['fields'], message: Message): void {
  if (!isRecord(message)) return;
  for (const { name, choice, write: writeField } of fields) {
    const held = message[name];
    if (held === undefined) continue;
    if (choice === undefined) writeField(writer, held, message);
    else if (isRecord(held) && held['case'] === choice && held['value'] !== undefined) {
      writeField(writer, held['value'], message);
    }
  }
}

function isRecord<T>(value: T): value is T & Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Fields that follow one another in the encoding: all the base's, as bytes, or all own. */
interface Run {
  readonly bytes?: Uint8Array;
  readonly own: Compiled['fields'];
}

const encodedBases = new WeakMap<Message, Map<string, readonly Run[]>>();

function sharedRuns(schema: DescMessage, { base, form, isOwn }: Composition): readonly Run[] {
  const known = encodedBases.get(base) ?? new Map<string, readonly Run[]>();
  encodedBases.set(base, known);
  const there = known.get(form);
  if (there !== undefined) return there;
  const runs: { isOwn: boolean; fields: Compiled['fields'][number][] }[] = [];
  for (const one of compiled(schema).fields) {
    const own = isOwn(one.field);
    const last = runs.at(-1);
    if (last?.isOwn === own) last.fields.push(one);
    else runs.push({ isOwn: own, fields: [one] });
  }
  const made = runs.map((run): Run => (run.isOwn ? { own: run.fields } : { bytes: only(base, run.fields), own: [] }));
  known.set(form, made);
  return made;
}

function only(message: Message, fields: Compiled['fields']): Uint8Array {
  const writer = idle.pop() ?? new BinaryWriter();
  writeFields(writer, fields, message);
  const bytes = writer.finish();
  putBack(writer, bytes);
  return bytes;
}

/** What is rare (other maps, groups, numbers of other kinds, structs) is left to `toBinary`. */
function writerOf(schema: DescMessage, field: DescField): WriteField {
  const rest: WriteField = (writer, _, message) => {
    // What a message inherits is not set.
    if (Object.hasOwn(message, memberOf(field))) writer.raw(toBinary(schema, alone(schema, message, field)));
  };
  const { number } = field;
  if (field.fieldKind === 'message') {
    const inner = field.message;
    if (field.delimitedEncoding) return rest;
    return (writer, value, message) => {
      if (isMessage(value, inner)) writeInside(writer, number, inner, value);
      else if (typeof value === 'number' && inner.typeName === 'google.protobuf.UInt32Value') {
        writer.tag(number, WireType.LengthDelimited).fork();
        if (value !== 0) writer.tag(1, WireType.Varint).uint32(value);
        writer.join();
      } else if (typeof value === 'boolean' && inner.typeName === 'google.protobuf.BoolValue') {
        writer.tag(number, WireType.LengthDelimited).fork();
        if (value) writer.tag(1, WireType.Varint).bool(value);
        writer.join();
      } else rest(writer, value, message);
    };
  }
  if (field.fieldKind === 'list' && field.listKind === 'message') {
    const inner = field.message;
    if (field.delimitedEncoding) return rest;
    return (writer, value, message) => {
      if (!Array.isArray(value) || !value.every((item) => isMessage(item, inner))) return rest(writer, value, message);
      for (const item of value) writeInside(writer, number, inner, item);
    };
  }
  if (field.fieldKind === 'map' && field.mapKind === 'message' && field.mapKey === ScalarType.STRING) {
    const inner = field.message;
    return (writer, value, message) => {
      if (!isRecord(value)) return rest(writer, value, message);
      const entries = Object.entries(value);
      const isEntry = (entry: [string, unknown]): entry is [string, Message] => isMessage(entry[1], inner);
      if (!entries.every(isEntry)) return rest(writer, value, message);
      for (const [key, item] of entries) {
        writer.tag(number, WireType.LengthDelimited).fork();
        writer.tag(1, WireType.LengthDelimited).string(key);
        writeInside(writer, 2, inner, item);
        writer.join();
      }
    };
  }
  if (field.fieldKind === 'list' && field.listKind === 'scalar' && field.scalar === ScalarType.STRING) {
    return (writer, value, message) => {
      if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
        return rest(writer, value, message);
      for (const item of value) writer.tag(number, WireType.LengthDelimited).string(item);
    };
  }
  if (field.fieldKind !== 'scalar' && field.fieldKind !== 'enum') return rest;
  // Set explicitly, it is written even if it is what an unset one means.
  const always = field.oneof !== undefined;
  if (!always && field.presence !== implicit) return rest;
  const scalar = field.fieldKind === 'enum' ? ScalarType.INT32 : field.scalar;
  return (writer, value, message) => {
    if (typeof value === 'string' && scalar === ScalarType.STRING) {
      if (always || value !== '') writer.tag(number, WireType.LengthDelimited).string(value);
    } else if (typeof value === 'boolean' && scalar === ScalarType.BOOL) {
      if (always || value) writer.tag(number, WireType.Varint).bool(value);
    } else if (value instanceof Uint8Array && scalar === ScalarType.BYTES) {
      if (always || value.length > 0) writer.tag(number, WireType.LengthDelimited).bytes(value);
    } else if (typeof value === 'number' && (scalar === ScalarType.UINT32 || scalar === ScalarType.INT32)) {
      if (!always && value === 0) return;
      writer.tag(number, WireType.Varint);
      if (scalar === ScalarType.UINT32) writer.uint32(value);
      else writer.int32(value);
    } else if (typeof value === 'bigint' && scalar === ScalarType.INT64) {
      if (always || value !== 0n) writer.tag(number, WireType.Varint).int64(value);
    } else rest(writer, value, message);
  };
}

/** `FeatureSet.field_presence` of a field that has none. */
const implicit = 2;

function writeInside(writer: BinaryWriter, number: number, schema: DescMessage, message: Message): void {
  writer.tag(number, WireType.LengthDelimited);
  if (isKept(message) && compositionOf(message) === undefined) {
    const bytes = keptBytes.get(message) ?? encodeMessage(schema, message);
    keptBytes.set(message, bytes);
    writer.bytes(bytes);
    return;
  }
  writer.fork();
  write(writer, schema, message);
  writer.join();
}

/** Of messages that are made once, and never change. */
const keptBytes = new WeakMap<Message, Uint8Array>();

/** A message without its other fields. */
function alone(schema: DescMessage, message: Message, field: DescField): Message {
  const result = create(schema);
  const name = memberOf(field);
  Reflect.set(result, name, Reflect.get(message, name));
  return result;
}
