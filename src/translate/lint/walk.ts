// Visits every message inside a message, including lists, maps and (through the registry) every Any, outermost first.
import type { DescField, DescMessage, Message, Registry } from '@bufbuild/protobuf';
import { isMessage } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { unpacked } from '../wire/any.ts';
import { type Composition, compositionOf, memberOf } from '../wire/compose.ts';

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

/** A property of a message that may contain messages: in one field, or as a choice in several, by their names. */
type Place =
  | { readonly name: string; readonly field: MessageField }
  | { readonly name: string; readonly cases: ReadonlyMap<unknown, MessageField> };

/** For each type: rules come by the hundred, and most of their fields are texts and numbers. */
const plans = new WeakMap<DescMessage, readonly Place[]>();

function placesIn(schema: DescMessage): readonly Place[] {
  const there = plans.get(schema);
  if (there !== undefined) return there;
  const places: Place[] = [];
  const choices = new Map<string, Map<string, MessageField>>();
  for (const field of schema.fields) {
    if (!isMessageField(field)) continue;
    const name = memberOf(field);
    if (field.oneof === undefined) places.push({ name, field });
    else {
      const cases = choices.get(name) ?? new Map<string, MessageField>();
      if (!choices.has(name)) places.push({ name, cases });
      choices.set(name, cases.set(field.localName, field));
    }
  }
  plans.set(schema, places);
  return places;
}

function isMessageField(field: DescField): field is MessageField {
  return field.message !== undefined && !leaves.test(field.message.typeName);
}

/** Paths use the schema's field names. Google's own types other than Any (durations, wrappers) are not opened. */
export function walk(schema: DescMessage, message: Message, registry: Registry, visitor: Visitor): void {
  if (!leaves.test(schema.typeName)) new Walk(registry, visitor).step(schema, message, '');
}

class Walk {
  readonly #registry: Registry;
  readonly #visitor: Visitor;
  /** The same list for all, which grows and shrinks. */
  readonly #ancestors: Message[] = [];

  constructor(registry: Registry, visitor: Visitor) {
    this.#registry = registry;
    this.#visitor = visitor;
  }

  step(schema: DescMessage, message: Message, path: string): void {
    const [visitor, ancestors] = [this.#visitor, this.#ancestors];
    if (message.$typeName === AnySchema.typeName && isMessage(message, AnySchema)) {
      const look = (): void => this.#inside(message, path);
      if (visitor.within === undefined) look();
      else visitor.within({ message, path, ancestors }, look);
      return;
    }
    visitor.visit({ message, path, ancestors });
    const composition = visitor.shared === undefined ? undefined : compositionOf(message);
    if (composition === undefined) {
      this.#below(schema, message, path);
      return;
    }
    const { isOwn } = composition;
    visitor.shared?.({ message, path, ancestors }, composition, () =>
      this.#below(schema, message, path, (field) => !isOwn(field)),
    );
    this.#below(schema, message, path, isOwn);
  }

  #below(schema: DescMessage, message: Message, path: string, opens?: (field: DescField) => boolean): void {
    for (const place of placesIn(schema)) {
      const held: unknown = Reflect.get(message, place.name);
      if (held === undefined) continue;
      if ('field' in place) {
        if (opens?.(place.field) !== false) this.#field(message, path, place.field, held);
      } else if (isObject(held)) {
        const field = place.cases.get(held['case']);
        const value = held['value'];
        if (field === undefined || value === undefined || opens?.(field) === false) continue;
        this.#field(message, path, field, value);
      }
    }
  }

  #field(message: Message, path: string, field: MessageField, value: unknown): void {
    const isList = field.fieldKind === 'list' && Array.isArray(value);
    // Most lists are empty.
    if (isList && value.length === 0) return;
    const at = path === '' ? field.name : `${path}.${field.name}`;
    if (isList) {
      for (let index = 0; index < value.length; index++) this.#item(message, field, value[index], `${at}[${index}]`);
    } else if (field.fieldKind === 'map' && isObject(value)) {
      for (const key of Object.keys(value)) this.#item(message, field, value[key], `${at}["${key}"]`);
    } else this.#item(message, field, value, at);
  }

  #item(message: Message, field: MessageField, item: unknown, path: string): void {
    const ancestors = this.#ancestors;
    if (isMessage(item, field.message)) {
      ancestors.push(message);
      this.step(field.message, item, path);
      ancestors.pop();
    }
    // Whatever it is instead, it could not be checked.
    else this.#visitor.opaque({ message, path, ancestors }, field.message.typeName);
  }

  #inside(message: Any, path: string): void {
    const [registry, ancestors] = [this.#registry, this.#ancestors];
    const content = open(message, registry);
    const inner = content && registry.getMessage(content.$typeName);
    if (content === undefined || inner === undefined || isDisguised(inner, ancestors))
      this.#visitor.opaque({ message, path, ancestors }, message.typeUrl);
    else if (!leaves.test(inner.typeName)) this.step(inner, content, `${path}(${inner.name})`);
  }
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
