// A reference to a secret by SDS. One function for all of them: Envoy wants byte-identical references to one secret name.
import { create } from '@bufbuild/protobuf';
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { ads } from '../wire/ads.ts';

export function secretConfig(name: string): SdsSecretConfig {
  return create(SdsSecretConfigSchema, { name, sdsConfig: ads() });
}
