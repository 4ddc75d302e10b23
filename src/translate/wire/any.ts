// Packs an extension's configuration in the forms that Envoy accepts.
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';

/** `typed_config` for a message that is built here. */
export function any<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Any {
  return anyPack(schema, create(schema, init));
}
