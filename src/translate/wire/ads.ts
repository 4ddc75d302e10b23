// "Over the stream this arrived on": the only config source of everything that translate refers to. It keeps Envoy's initial fetch timeout
// of 15 s: with 0, one missing resource would block every listener of a starting sidecar.
import { create } from '@bufbuild/protobuf';
import { ApiVersion, type ConfigSource, ConfigSourceSchema } from '#gen/envoy/config/core/v3/config_source_pb.js';
import { constant } from './constant.ts';

export const ads = constant(
  (): ConfigSource =>
    create(ConfigSourceSchema, {
      configSourceSpecifier: { case: 'ads', value: {} },
      resourceApiVersion: ApiVersion.V3,
    }),
);
