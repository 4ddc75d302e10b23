// Visits every message inside a message, into lists, maps and (by the registry) every Any, outermost first.
import type { DescMessage, Message, Registry } from '@bufbuild/protobuf';
import { isMessage } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { AnySchema, anyUnpack } from '@bufbuild/protobuf/wkt';

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
}

/** Envoy makes any message of these: what is in them is looked at by nobody. Only Wasm takes them for what they are. */
const disguises = /^(google\.protobuf\.(Struct|Value|ListValue)|(xds|udpa)\.type\.v\d\.TypedStruct)$/;

function isDisguised({ typeName }: DescMessage, ancestors: readonly Message[]): boolean {
  return disguises.test(typeName) && ancestors.at(-1)?.$typeName !== 'envoy.extensions.wasm.v3.PluginConfig';
}

/** protobuf-es keeps the shapes of these apart; none holds anything to look at. */
const leaves = /^google\.protobuf\.(?!Any$)/;

export function walk(schema: DescMessage, message: Message, registry: Registry, visitor: Visitor): void {
  step(reflect(schema, message), '', [], registry, visitor);
}

function step(
  reflected: ReflectMessage,
  path: string,
  ancestors: readonly Message[],
  registry: Registry,
  visitor: Visitor,
): void {
  const { message } = reflected;
  if (isMessage(message, AnySchema)) {
    const unpacked = open(message, registry);
    const schema = unpacked && registry.getMessage(unpacked.$typeName);
    if (unpacked === undefined || schema === undefined || isDisguised(schema, ancestors))
      visitor.opaque({ message, path, ancestors }, message.typeUrl);
    else step(reflect(schema, unpacked), `${path}(${schema.name})`, ancestors, registry, visitor);
    return;
  }
  if (leaves.test(reflected.desc.typeName)) return;
  visitor.visit({ message, path, ancestors });
  const below = [...ancestors, message];
  for (const field of reflected.fields) {
    if (!reflected.isSet(field)) continue;
    const at = path === '' ? field.name : `${path}.${field.name}`;
    if (field.fieldKind === 'message') {
      step(reflected.get(field), at, below, registry, visitor);
    } else if (field.fieldKind === 'list' && field.listKind === 'message') {
      let index = 0;
      for (const item of reflected.get(field))
        step(item as ReflectMessage, `${at}[${index++}]`, below, registry, visitor);
    } else if (field.fieldKind === 'map' && field.mapKind === 'message') {
      for (const [key, item] of reflected.get(field)) {
        step(item as ReflectMessage, `${at}["${String(key)}"]`, below, registry, visitor);
      }
    }
  }
}

function open(any: Parameters<typeof anyUnpack>[0], registry: Registry): Message | undefined {
  try {
    return anyUnpack(any, registry);
  } catch {
    return undefined;
  }
}
