// A transport socket for TLS, and a reference to a secret by SDS: one function for all references, because Envoy wants those to one name
// to be byte-identical.
import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { type TransportSocket, TransportSocketSchema } from '#gen/envoy/config/core/v3/base_pb.js';
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { ads } from '../wire/ads.ts';
import { remembered } from '../wire/constant.ts';

export const secretConfig = remembered(
  (name: string): SdsSecretConfig => create(SdsSecretConfigSchema, { name, sdsConfig: ads() }),
);

/** With a context of either side. */
export function tlsSocket(context: Any): TransportSocket {
  return create(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: context },
  });
}
