// Visits every message inside a message, including lists, maps and (through the registry) every Any, outermost first.
import type { DescField, DescMessage, Message, Registry } from '@bufbuild/protobuf';
import { isMessage } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { unpacked } from '../wire/any.ts';
import { type Composition, compositionOf } from '../wire/compose.ts';

export interface Visited {
  readonly message: Message;
  readonly path: string;
  /** Outermost first, without the message itself. Only during the call. */
  readonly ancestors: readonly Message[];
}

export interface Visitor {
  visit(visited: Visited): void;
  /** An Any whose type the registry does not know, whose bytes are not of that type, or that stands for any type. */
  opaque(visited: Visited, typeUrl: string): void;
  /** Before an Any is opened: `look` visits what is in it. Default: does that. */
  within?(visited: Visited & { readonly message: Any }, look: () => void): void;
  /** Before what a composed message shares with others: `look` visits that. Default: does that. */
  shared?(visited: Visited, composition: Composition, look: () => void): void;
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

/** Paths use the schema's field names. Google's own types other than Any (durations, wrappers) are not opened. */
export function walk(schema: DescMessage, message: Message, registry: Registry, visitor: Visitor): void {
  if (!leaves.test(schema.typeName)) step(schema, message, '', [], registry, visitor);
}

/** `ancestors` is the same list for all, which grows and shrinks. */
function step(
  schema: DescMessage,
  message: Message,
  path: string,
  ancestors: Message[],
  registry: Registry,
  visitor: Visitor,
): void {
  if (message.$typeName === AnySchema.typeName && isMessage(message, AnySchema)) {
    const look = (): void => inside(message, path, ancestors, registry, visitor);
    if (visitor.within === undefined) look();
    else visitor.within({ message, path, ancestors }, look);
    return;
  }
  visitor.visit({ message, path, ancestors });
  const composition = visitor.shared === undefined ? undefined : compositionOf(message);
  if (composition === undefined) {
    below(schema, message, path, ancestors, registry, visitor);
    return;
  }
  const { isOwn } = composition;
  visitor.shared?.({ message, path, ancestors }, composition, () =>
    below(schema, message, path, ancestors, registry, visitor, (field) => !isOwn(field)),
  );
  below(schema, message, path, ancestors, registry, visitor, isOwn);
}

function below(
  schema: DescMessage,
  message: Message,
  path: string,
  ancestors: Message[],
  registry: Registry,
  visitor: Visitor,
  opens?: (field: DescField) => boolean,
): void {
  for (const field of messageFields(schema)) {
    const value = setValue(message, field);
    if (value === undefined || opens?.(field) === false) continue;
    const at = path === '' ? field.name : `${path}.${field.name}`;
    const look = (item: unknown, place: string): void => {
      if (isMessage(item, field.message)) {
        ancestors.push(message);
        step(field.message, item, place, ancestors, registry, visitor);
        ancestors.pop();
      }
      // Whatever it is instead, it could not be checked.
      else visitor.opaque({ message, path: place, ancestors }, field.message.typeName);
    };
    if (field.fieldKind === 'list' && Array.isArray(value)) {
      for (const [index, item] of value.entries()) look(item, `${at}[${index}]`);
    } else if (field.fieldKind === 'map' && isObject(value)) {
      for (const [key, item] of Object.entries(value)) look(item, `${at}["${key}"]`);
    } else look(value, at);
  }
}

function inside(message: Any, path: string, ancestors: Message[], registry: Registry, visitor: Visitor): void {
  const content = open(message, registry);
  const inner = content && registry.getMessage(content.$typeName);
  if (content === undefined || inner === undefined || isDisguised(inner, ancestors))
    visitor.opaque({ message, path, ancestors }, message.typeUrl);
  else if (!leaves.test(inner.typeName)) step(inner, content, `${path}(${inner.name})`, ancestors, registry, visitor);
}

/** Undefined if it is not set. */
function setValue(message: Message, { oneof, localName }: DescField): unknown {
  if (oneof === undefined) return Reflect.get(message, localName);
  const choice: unknown = Reflect.get(message, oneof.localName);
  return isObject(choice) && choice['case'] === localName ? choice['value'] : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function open(any: Any, registry: Registry): Message | undefined {
  try {
    return unpacked(any, registry);
  } catch {
    return undefined;
  }
}
