// Splices a response: the stream's own header and the resources' shared frames into one Buffer, in field order, byte for
// byte what a protobuf encoder makes of it. Schema: envoy/service/discovery/v3/discovery.proto.
import type { EncodedResource } from '../resources/snapshot.ts';
import { field, stringField } from '../resources/wire.ts';

/** ControlPlane { string identifier = 1; } */
const controlPlane = stringField(1, 'cellwall');

export interface SotwResponse {
  readonly typeUrl: string;
  readonly version: string;
  readonly nonce: string;
  readonly resources: readonly EncodedResource[];
}

export function spliceSotw({ typeUrl, version, nonce, resources }: SotwResponse): Buffer {
  return Buffer.concat([
    ...stringField(1, version),
    ...resources.map((resource) => resource.sotwFrame),
    ...stringField(4, typeUrl),
    ...stringField(5, nonce),
    ...field(6, controlPlane),
  ]);
}

export interface DeltaResponse extends SotwResponse {
  readonly removed: readonly string[];
}

export function spliceDelta({ typeUrl, version, nonce, resources, removed }: DeltaResponse): Buffer {
  return Buffer.concat([
    ...stringField(1, version),
    ...resources.map((resource) => resource.deltaFrame),
    ...stringField(4, typeUrl),
    ...stringField(5, nonce),
    ...removed.flatMap((name) => stringField(6, name)),
    ...field(7, controlPlane),
  ]);
}
