// A transport socket for TLS, and a reference to a secret by SDS: one function for all references, because Envoy wants those to one name
// to be byte-identical.
import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { type TransportSocket, TransportSocketSchema } from '#gen/envoy/config/core/v3/base_pb.js';
import { ApiVersion } from '#gen/envoy/config/core/v3/config_source_pb.js';
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { localSecret } from '../../lib/local-secret.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import { ads } from '../wire/ads.ts';
import { constant, remembered } from '../wire/constant.ts';

export const secretConfig = remembered(
  (name: string): SdsSecretConfig => create(SdsSecretConfigSchema, { name, sdsConfig: ads() }),
);

/** Of the proxy's own certificate: from the helper beside it, or under its SPIFFE ID from the control plane. */
export function ownSecretConfig(spiffeId: SpiffeId, secrets: 'local' | undefined): SdsSecretConfig {
  return secrets === 'local' ? localSecretConfig() : secretConfig(spiffeId);
}

/** As a sidecar's helper gives it to its Envoy. */
export const localSecretConfig = constant(
  (): SdsSecretConfig =>
    create(SdsSecretConfigSchema, {
      name: localSecret.name,
      sdsConfig: {
        configSourceSpecifier: { case: 'pathConfigSource', value: { path: localSecret.path } },
        resourceApiVersion: ApiVersion.V3,
      },
    }),
);

/** With a context of either side. */
export function tlsSocket(context: Any): TransportSocket {
  return create(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: context },
  });
}
