// Writes a response in wire format, including gRPC's five-byte prefix: one allocation, each resource copied into it once, byte for byte
// what a protobuf encoder would produce. Schema: envoy/service/discovery/v3/discovery.proto, google/protobuf/any.proto.
import { framePrefix } from '../../lib/grpc-call.ts';
import { slab } from '../../lib/slab.ts';
import type { EncodedResource } from '../resources/snapshot.ts';
import { type FieldWriter, fieldSize, fieldWriter, textSize } from '../resources/wire.ts';

/** ControlPlane { string identifier = 1; } */
const identifier = 'cellwall';
const controlPlaneSize = textSize(1, identifier);

export interface SotwResponse {
  readonly typeUrl: string;
  readonly version: string;
  readonly nonce: string;
  readonly resources: readonly EncodedResource[];
}

/**
 * A `DiscoveryResponse`: `resources` are all that the client is to have of the type, or those that it newly needs
 * (`fullSet` in order.ts).
 */
export function frameSotw({ typeUrl, version, nonce, resources }: SotwResponse): Buffer {
  let size = textSize(1, version) + textSize(4, typeUrl) + textSize(5, nonce) + fieldSize(6, controlPlaneSize);
  for (const resource of resources) size += fieldSize(2, anySize(resource));
  const { frame, writer } = open(size);
  writer.text(1, version);
  for (const resource of resources) {
    writer.open(2, anySize(resource));
    writeAny(writer, resource);
  }
  writer.text(4, typeUrl);
  writer.text(5, nonce);
  writer.open(6, controlPlaneSize);
  writer.text(1, identifier);
  return frame;
}

export interface DeltaResponse extends SotwResponse {
  readonly removed: readonly string[];
}

/** A `DeltaDiscoveryResponse`; `removed` may name resources that the client never had (requested, but absent). */
export function frameDelta({ typeUrl, version, nonce, resources, removed }: DeltaResponse): Buffer {
  let size = textSize(1, version) + textSize(4, typeUrl) + textSize(5, nonce) + fieldSize(7, controlPlaneSize);
  for (const resource of resources) size += fieldSize(2, resourceSize(resource));
  for (const name of removed) size += textSize(6, name);
  const { frame, writer } = open(size);
  writer.text(1, version);
  for (const resource of resources) {
    writer.open(2, resourceSize(resource));
    writer.text(1, resource.version);
    writer.open(2, anySize(resource));
    writeAny(writer, resource);
    writer.text(3, resource.name);
  }
  writer.text(4, typeUrl);
  writer.text(5, nonce);
  for (const name of removed) writer.text(6, name);
  writer.open(7, controlPlaneSize);
  writer.text(1, identifier);
  return frame;
}

function open(size: number): { readonly frame: Buffer; readonly writer: FieldWriter } {
  const frame = slab(framePrefix + size);
  frame[0] = 0;
  frame.writeUInt32BE(size, 1);
  return { frame, writer: fieldWriter(frame, framePrefix) };
}

/** Any { string type_url = 1; bytes value = 2; } */
function anySize({ typeUrl, value }: EncodedResource): number {
  return textSize(1, typeUrl) + (value.length === 0 ? 0 : fieldSize(2, value.length));
}

function writeAny(writer: FieldWriter, { typeUrl, value }: EncodedResource): void {
  writer.text(1, typeUrl);
  if (value.length === 0) return;
  writer.open(2, value.length);
  writer.bytes(value);
}

/** Resource { string version = 1; Any resource = 2; string name = 3; } */
function resourceSize(resource: EncodedResource): number {
  return textSize(1, resource.version) + fieldSize(2, anySize(resource)) + textSize(3, resource.name);
}
