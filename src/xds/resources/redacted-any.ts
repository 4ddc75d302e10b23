// A resource as an operator may see it: without secret content.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { DataSourceSchema } from '#gen/envoy/config/core/v3/base_pb.js';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { EncodedResource } from './snapshot.ts';
import { typeUrls } from './type-url.ts';

const redacted = () => create(DataSourceSchema, { specifier: { case: 'inlineString', value: '[redacted]' } });

/**
 * Of a secret, certificates and trust bundles stay, and everything else is `[redacted]`; other resources are returned
 * as they are.
 */
export function redactedAny({ typeUrl, value }: EncodedResource): Any {
  return create(AnySchema, { typeUrl, value: typeUrl === typeUrls.secret ? redactedSecret(value) : value });
}

/** Certificates and trust bundles are public; everything else that a secret may contain is removed, even if unknown here. */
function redactedSecret(bytes: Uint8Array): Uint8Array {
  const { name, type } = fromBinary(SecretSchema, bytes, { readUnknownFields: false });
  if (type.case === 'validationContext') return toBinary(SecretSchema, create(SecretSchema, { name, type }));
  if (type.case === 'tlsCertificate') {
    const { certificateChain } = type.value;
    const value = { privateKey: redacted(), ...(certificateChain === undefined ? {} : { certificateChain }) };
    return toBinary(SecretSchema, create(SecretSchema, { name, type: { case: 'tlsCertificate', value } }));
  }
  const value = { secret: redacted() };
  return toBinary(SecretSchema, create(SecretSchema, { name, type: { case: 'genericSecret', value } }));
}
