// Visits every message inside a message, including lists, maps and (through the registry) every Any, outermost first.
import type { DescField, DescMessage, Message, Registry } from '@bufbuild/protobuf';
import { isMessage } from '@bufbuild/protobuf';
import { type Any, AnySchema, anyUnpack } from '@bufbuild/protobuf/wkt';

export interface Visited {
  readonly message: Message;
  readonly path: string;
  /** Outermost first, without the message itself. */
  readonly ancestors: readonly Message[];
}

export interface Visitor {
  visit(visited: Visited): void;
  /** An Any whose type the registry does not know, whose bytes are not of that type, or that stands for any type. */
  opaque(visited: Visited, typeUrl: string): void;
  /** Before an Any is opened: `look` visits what is in it. Default: does that. */
  within?(visited: Visited & { readonly message: Any }, look: () => void): void;
}

/** Envoy can turn these into any message without the content being checked. Only Wasm uses them as they are. */
const disguises = /^(google\.protobuf\.(Struct|Value|ListValue)|(xds|udpa)\.type\.v\d\.TypedStruct)$/;

function isDisguised({ typeName }: DescMessage, ancestors: readonly Message[]): boolean {
  return disguises.test(typeName) && ancestors.at(-1)?.$typeName !== 'envoy.extensions.wasm.v3.PluginConfig';
}

/** protobuf-es keeps the shapes of these apart; none contains anything to check. */
const leaves = /^google\.protobuf\.(?!Any$)/;

type MessageField = DescField & { readonly message: DescMessage };

/** For each type, the fields that contain messages: rules come by the hundred, and most of their fields are texts and numbers. */
const plans = new WeakMap<DescMessage, readonly MessageField[]>();

function messageFields(schema: DescMessage): readonly MessageField[] {
  const there = plans.get(schema);
  if (there !== undefined) return there;
  const fields = schema.fields.filter(
    (field): field is MessageField => field.message !== undefined && !leaves.test(field.message.typeName),
  );
  plans.set(schema, fields);
  return fields;
}

/**
 * Paths use the schema's field names. Google's own types other than Any (durations, wrappers) are not opened. `opens`: which fields of the
 * outermost message are. Default: all.
 */
export function walk(
  schema: DescMessage,
  message: Message,
  registry: Registry,
  visitor: Visitor,
  opens?: (field: DescField) => boolean,
): void {
  if (!leaves.test(schema.typeName)) step(schema, message, '', [], registry, visitor, opens);
}

function step(
  schema: DescMessage,
  message: Message,
  path: string,
  ancestors: readonly Message[],
  registry: Registry,
  visitor: Visitor,
  opens?: (field: DescField) => boolean,
): void {
  if (message.$typeName === AnySchema.typeName && isMessage(message, AnySchema)) {
    const look = (): void => inside(message, path, ancestors, registry, visitor);
    if (visitor.within === undefined) look();
    else visitor.within({ message, path, ancestors }, look);
    return;
  }
  visitor.visit({ message, path, ancestors });
  let below: readonly Message[] | undefined;
  for (const field of messageFields(schema)) {
    const value = setValue(message, field);
    if (value === undefined || opens?.(field) === false) continue;
    const at = path === '' ? field.name : `${path}.${field.name}`;
    below ??= [...ancestors, message];
    for (const [index, item] of itemsOf(field, value)) {
      // Whatever it is instead, it could not be checked.
      if (isMessage(item, field.message)) step(field.message, item, `${at}${index}`, below, registry, visitor);
      else visitor.opaque({ message, path: `${at}${index}`, ancestors }, field.message.typeName);
    }
  }
}

function inside(message: Any, path: string, ancestors: readonly Message[], registry: Registry, visitor: Visitor): void {
  const unpacked = open(message, registry);
  const inner = unpacked && registry.getMessage(unpacked.$typeName);
  if (unpacked === undefined || inner === undefined || isDisguised(inner, ancestors))
    visitor.opaque({ message, path, ancestors }, message.typeUrl);
  else if (!leaves.test(inner.typeName)) step(inner, unpacked, `${path}(${inner.name})`, ancestors, registry, visitor);
}

/** Undefined if it is not set. */
function setValue(message: Message, { oneof, localName }: DescField): unknown {
  if (oneof === undefined) return Reflect.get(message, localName);
  const choice: unknown = Reflect.get(message, oneof.localName);
  return isObject(choice) && choice['case'] === localName ? choice['value'] : undefined;
}

/** Each message of a field, with its place in it. */
function itemsOf({ fieldKind }: DescField, value: unknown): readonly (readonly [string, unknown])[] {
  if (fieldKind === 'list' && Array.isArray(value)) return value.map((item, index) => [`[${index}]`, item]);
  if (fieldKind === 'map' && isObject(value)) return Object.entries(value).map(([key, item]) => [`["${key}"]`, item]);
  return [['', value]];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function open(any: Parameters<typeof anyUnpack>[0], registry: Registry): Message | undefined {
  try {
    return anyUnpack(any, registry);
  } catch {
    return undefined;
  }
}
