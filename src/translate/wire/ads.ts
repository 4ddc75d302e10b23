// "Over the stream this came on": the one config source of everything that translate refers to. It leaves the initial fetch
// timeout at Envoy's 15 s: a timeout of 0 would hold every listener of a starting sidecar for one missing resource.
import { create } from '@bufbuild/protobuf';
import { ApiVersion, type ConfigSource, ConfigSourceSchema } from '#gen/envoy/config/core/v3/config_source_pb.js';

export function ads(): ConfigSource {
  return create(ConfigSourceSchema, {
    configSourceSpecifier: { case: 'ads', value: {} },
    resourceApiVersion: ApiVersion.V3,
  });
}
