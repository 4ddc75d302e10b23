// Encodes a resource once: its frames are what every response that carries it splices, in either variant.
// Schema: envoy/service/discovery/v3/discovery.proto, google/protobuf/any.proto.
import { hash } from 'node:crypto';
import type { EncodedResource } from './snapshot.ts';
import type { TypeUrl } from './type-url.ts';
import { field, stringField } from './wire.ts';

/** Without `version`, it is a hash of the content: equal on every replica and after every restart. */
export function encodeResource(typeUrl: TypeUrl, name: string, value: Uint8Array, version?: string): EncodedResource {
  const own = version ?? contentVersion(value);
  // Any { string type_url = 1; bytes value = 2; }
  const any = [...stringField(1, typeUrl), ...(value.length === 0 ? [] : field(2, [value]))];
  return {
    typeUrl,
    name,
    version: own,
    value,
    // DiscoveryResponse { repeated Any resources = 2; }
    sotwFrame: Buffer.concat(field(2, any)),
    // DeltaDiscoveryResponse { repeated Resource resources = 2; }, Resource { version = 1; resource = 2; name = 3; }
    deltaFrame: Buffer.concat(field(2, [...stringField(1, own), ...field(2, any), ...stringField(3, name)])),
  };
}

/** The first 64 bits of SHA-256, in hex. */
export function contentVersion(value: Uint8Array): string {
  return hash('sha256', value, 'hex').slice(0, 16);
}
