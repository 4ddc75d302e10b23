// Messages of which most is the same for many: a base that is made once, and a few fields of their own. What is the same is encoded once.
import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { frozen } from './constant.ts';

/** How a message was composed. */
export interface Composition {
  readonly base: Message;
  /** Whether a field of the outermost message is its own, and not the base's. */
  isOwn(field: DescField): boolean;
  /** Equal for messages of one type that have the same fields of their own. */
  readonly form: string;
}

const compositions = new WeakMap<Message, Composition>();

/**
 * Of the base, and whatever each message has of its own, in place of the base's. `own` names the same fields each time, with a value or
 * without. Nobody changes the base from now on, nor the messages.
 */
export function composer<D extends DescMessage>(
  schema: D,
  base: MessageShape<D>,
): (own: MessageInitShape<D>) => MessageShape<D> {
  frozen(base);
  return (own) => {
    const names = Object.keys(own);
    const message: MessageShape<D> = Object.assign(Object.create(Object.getPrototypeOf(base)), base);
    const made = create(schema, own);
    for (const name of names) Reflect.set(message, name, Reflect.get(made, name));
    compositions.set(message, { base, isOwn: (field) => names.includes(memberOf(field)), form: names.join(' ') });
    return message;
  };
}

/** Undefined for a message that was made as a whole. */
export function compositionOf(message: Message): Composition | undefined {
  return compositions.get(message);
}

/** The same bytes as `toBinary`. */
export function encodeMessage<D extends DescMessage>(schema: D, message: MessageShape<D>): Uint8Array {
  const composition = compositions.get(message);
  if (composition === undefined) return toBinary(schema, message);
  return encodeRuns(schema, message, composition);
}

function encodeRuns(schema: DescMessage, message: Message, composition: Composition): Uint8Array {
  const runs = runsOf(schema, composition);
  const shared = sharedBytes(schema, composition, runs);
  return Buffer.concat(
    runs.map((run, index) => shared[index] ?? toBinary(schema, onlyFields(schema, message, run.fields))),
  );
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
    const value: unknown = Reflect.get(message, name);
    if (field.oneof === undefined || caseOf(value) === field.localName) Reflect.set(result, name, value);
  }
  return result;
}

/** The property of the message that holds the field. */
function memberOf({ oneof, localName }: DescField): string {
  return oneof === undefined ? localName : oneof.localName;
}

function caseOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'case' in value ? value.case : undefined;
}
