// For a proxy without ADS: references in its resources must request their targets through the service for that type, in the proxy's
// variant, at the cluster of its own bootstrap. In such a proxy `ads` is a config source that does not exist.
import { create, isMessage } from '@bufbuild/protobuf';
import {
  ApiConfigSourceSchema,
  ApiConfigSource_ApiType as ApiType,
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from '#gen/envoy/config/core/v3/config_source_pb.js';
import { controlPlaneCluster } from './names.ts';
import type { SingleServices, TranslatedResource } from './proxy.ts';
import { rewrite } from './rewrite.ts';
import { duration } from './wire/duration.ts';

/** Does not change its argument; resources without references stay the same objects. */
export function overSingleServices(
  resources: readonly TranslatedResource[],
  variant: SingleServices,
): readonly TranslatedResource[] {
  return rewrite(resources, (message) =>
    isMessage(message, ConfigSourceSchema) ? redirectSource(message, variant) : undefined,
  );
}

function redirectSource(source: ConfigSource, variant: SingleServices): boolean {
  if (source.configSourceSpecifier.case !== 'ads') return false;
  const api = create(ApiConfigSourceSchema, {
    apiType: variant === 'delta' ? ApiType.DELTA_GRPC : ApiType.GRPC,
    transportApiVersion: ApiVersion.V3,
    setNodeOnFirstMessageOnly: true,
    grpcServices: [
      {
        targetSpecifier: {
          case: 'envoyGrpc',
          value: {
            clusterName: controlPlaneCluster,
            // As in the bootstrap: a restarted control plane is found within a second.
            retryPolicy: { retryBackOff: { baseInterval: duration(100), maxInterval: duration(1000) } },
          },
        },
      },
    ],
  });
  source.configSourceSpecifier = { case: 'apiConfigSource', value: api };
  return true;
}
