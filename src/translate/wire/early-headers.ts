// Header mutation before everything else, including filters.
import { create } from '@bufbuild/protobuf';
import type { HeaderMutation } from '#gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.js';
import { type TypedExtensionConfig, TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { HeaderMutationSchema as EarlyHeaderMutationSchema } from '#gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.js';
import { steeringPrefix } from '../names.ts';
import { any } from './any.ts';
import { constant } from './constant.ts';
import { removePrefix } from './header-spellings.ts';

/** Removes `x-envoy-*` on both sides: retries, timeouts and hedging are decided by documents. */
export const noEarlyHeaders = constant((): TypedExtensionConfig => earlyHeaders([]));

/** The same, and more. */
export function earlyHeaders(mutations: readonly HeaderMutation[]): TypedExtensionConfig {
  return create(TypedExtensionConfigSchema, {
    name: 'envoy.http.early_header_mutation.header_mutation',
    typedConfig: any(EarlyHeaderMutationSchema, { mutations: [removePrefix(steeringPrefix), ...mutations] }),
  });
}
