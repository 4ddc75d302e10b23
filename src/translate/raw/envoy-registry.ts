// Envoy's whole schema as descriptors: raw resources may be of any type, not just those that translate itself builds. Loaded when the first
// raw resource needs it (a quarter of a second), because most deployments have none.
import { gunzipSync } from 'node:zlib';
import { createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { envoySchema } from '#gen/envoy_schema.js';

let made: FileRegistry | undefined;

/** The first call takes about a quarter of a second. */
export function envoyRegistry(): FileRegistry {
  made ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, gunzipSync(Buffer.from(envoySchema, 'base64'))));
  return made;
}
