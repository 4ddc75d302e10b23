// Packs an extension's configuration in the forms that Envoy accepts.
import {
  create,
  type DescMessage,
  isMessage,
  type Message,
  type MessageInitShape,
  type Registry,
} from '@bufbuild/protobuf';
import { type Any, AnySchema, anyUnpack } from '@bufbuild/protobuf/wkt';
import { encodeMessage } from './encode.ts';

/** Where an Any keeps what was packed: it need not be read back. Copies do not have it, as their bytes may be changed. */
const content = Symbol('content');

/** `typed_config` for a message that is built here. Nobody changes either any more. */
export function any<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Any {
  const message = create(schema, init);
  const result = create(AnySchema, {
    typeUrl: `type.googleapis.com/${schema.typeName}`,
    value: encodeMessage(schema, message),
  });
  Object.defineProperty(result, content, { value: message });
  return Object.freeze(result);
}

/** What is in it; undefined for a type that the registry does not know. Throws if the bytes are not of that type. */
export function unpacked(any: Any, registry: Registry): Message | undefined {
  const here = packedHere(any);
  if (here === undefined) return anyUnpack(any, registry);
  return registry.getMessage(here.$typeName) === undefined ? undefined : here;
}

/** The message of which the bytes were made here. */
export function packedHere(any: Any): Message | undefined {
  return content in any && isMessage(any[content]) ? any[content] : undefined;
}
