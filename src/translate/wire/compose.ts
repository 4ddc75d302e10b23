// Messages of which most is the same for many: a base that is made once, and a few fields of their own. What is the same is encoded once.
import { create, type DescField, type DescMessage, isMessage, type Message, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { frozen } from './constant.ts';

/** How a message was composed. */
export interface Composition {
  readonly base: Message;
  /** Whether a field of the outermost message is its own, and not the base's. */
  isOwn(field: DescField): boolean;
  /** Equal for messages of one type that have the same fields of their own. */
  readonly form: string;
}

/** Where a message keeps how it was composed. Copies do not have it: they are messages that were made as a whole. */
const composition = Symbol('composition');

/**
 * Of the base, and what each message has of its own in these fields, in place of the base's. Nobody changes the base from now on, nor the
 * messages. For proto3, whose messages are plain objects.
 */
export function composer<M extends Message, F extends keyof M & string>(
  base: M,
  fields: readonly F[],
): (own: Pick<M, F>) => M {
  frozen(base);
  const names = new Set<string>(fields);
  const how: Composition = { base, isOwn: (field: DescField) => names.has(memberOf(field)), form: fields.join(' ') };
  return (own) => {
    const message = { ...base, ...own };
    return Object.defineProperty(message, composition, { value: how });
  };
}

/** Undefined for a message that was made as a whole. */
export function compositionOf(message: Message): Composition | undefined {
  if (!(composition in message)) return undefined;
  const how: unknown = message[composition];
  return isComposition(how) ? how : undefined;
}

/** The same bytes as `toBinary`. */
export function encodeMessage(schema: DescMessage, message: Message): Uint8Array {
  const how = compositionOf(message);
  if (how === undefined) return toBinary(schema, message);
  const runs = runsOf(schema, how);
  const shared = sharedBytes(schema, how, runs);
  const chunks: Uint8Array[] = [];
  for (const [index, { fields }] of runs.entries()) {
    const bytes = shared[index];
    if (bytes !== undefined) chunks.push(bytes);
    else for (const field of fields) writeField(chunks, schema, message, field);
  }
  return Buffer.concat(chunks);
}

/** Messages and texts are written here, since they may be composed, too, and are nearly all that there is. */
function writeField(chunks: Uint8Array[], schema: DescMessage, message: Message, field: DescField): void {
  const value = fieldOf(message, field);
  if (value === undefined) return;
  const write = (part: unknown): boolean => {
    if (field.message === undefined || field.fieldKind === 'map' || !isMessage(part, field.message)) return false;
    if (field.delimitedEncoding) return false;
    const bytes = encodeMessage(field.message, part);
    chunks.push(writer.tag(field.number, WireType.LengthDelimited).uint32(bytes.length).finish(), bytes);
    return true;
  };
  if (field.fieldKind === 'list' && Array.isArray(value) ? value.every(write) : write(value)) return;
  if (field.fieldKind === 'scalar' && typeof value === 'string' && field.oneof === undefined) {
    if (value !== '') chunks.push(writer.tag(field.number, WireType.LengthDelimited).string(value).finish());
  } else chunks.push(toBinary(schema, onlyFields(schema, message, [field])));
}

/** Empty before and after each use. */
const writer = new BinaryWriter();

function isComposition(value: unknown): value is Composition {
  return isObject(value) && 'base' in value && 'isOwn' in value;
}

/** Undefined if it is not set. */
function fieldOf(message: Message, field: DescField): unknown {
  const value: unknown = Reflect.get(message, memberOf(field));
  if (field.oneof === undefined) return value;
  return isObject(value) && value['case'] === field.localName ? value['value'] : undefined;
}

/** Fields that follow one another in the encoding, all the base's or all own. */
interface Run {
  readonly isOwn: boolean;
  readonly fields: readonly DescField[];
}

const knownRuns = new WeakMap<DescMessage, Map<string, readonly Run[]>>();

function runsOf(schema: DescMessage, { isOwn, form }: Composition): readonly Run[] {
  const known = knownRuns.get(schema) ?? new Map<string, readonly Run[]>();
  knownRuns.set(schema, known);
  const there = known.get(form);
  if (there !== undefined) return there;
  const runs: { isOwn: boolean; fields: DescField[] }[] = [];
  for (const field of schema.fields.toSorted((a, b) => a.number - b.number)) {
    const own = isOwn(field);
    const last = runs.at(-1);
    if (last?.isOwn === own) last.fields.push(field);
    else runs.push({ isOwn: own, fields: [field] });
  }
  known.set(form, runs);
  return runs;
}

const encodedBases = new WeakMap<Message, Map<string, readonly (Uint8Array | undefined)[]>>();

/** For each run that is the base's. */
function sharedBytes(
  schema: DescMessage,
  { base, form }: Composition,
  runs: readonly Run[],
): readonly (Uint8Array | undefined)[] {
  const known = encodedBases.get(base) ?? new Map<string, readonly (Uint8Array | undefined)[]>();
  encodedBases.set(base, known);
  const there = known.get(form);
  if (there !== undefined) return there;
  const made = runs.map(({ isOwn, fields }) =>
    isOwn ? undefined : toBinary(schema, onlyFields(schema, base, fields)),
  );
  known.set(form, made);
  return made;
}

/** A message without its other fields. */
function onlyFields(schema: DescMessage, message: Message, fields: readonly DescField[]): Message {
  const result = create(schema);
  for (const field of fields) {
    const name = memberOf(field);
    if (fieldOf(message, field) !== undefined) Reflect.set(result, name, Reflect.get(message, name));
  }
  return result;
}

/** The property of the message that holds the field. */
function memberOf({ oneof, localName }: DescField): string {
  return oneof === undefined ? localName : oneof.localName;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
