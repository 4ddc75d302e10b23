// What no caller may send in a header, it may not send after the body either: some servers treat trailers as headers. The list is in the
// routes, once per service; the filter is in every chain.
import { create } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import {
  HeaderMutationPerRouteSchema,
  HeaderMutationSchema,
} from '#gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { PortIr } from '../../policy/ir.ts';
import { methodOverrides, pathOverrides } from '../override-headers.ts';
import { any } from '../wire/any.ts';
import { constant, remembered } from '../wire/constant.ts';
import { removeAll } from '../wire/header-spellings.ts';
import { callersOwn } from './early-headers.ts';

const filterName = 'cellwall.trailers';
/** Rules refuse requests with these, and look for them in the headers. */
const refusedAsHeaders = [...methodOverrides, ...pathOverrides];

export const trailers = constant(
  (): HttpFilter =>
    create(HttpFilterSchema, {
      name: filterName,
      configType: { case: 'typedConfig', value: any(HeaderMutationSchema, {}) },
    }),
);

/** Also from trusted hops: what they say about others, they say in headers. */
export function withoutForgedTrailers({ identityHeaders, credential }: PortIr): Record<string, Any> {
  return {
    [filterName]: withoutTrailers(
      ...identityHeaders.stripped,
      ...(credential === undefined ? [] : [credential.header]),
    ),
  };
}

const withoutTrailers = remembered((...stripped: readonly string[]): Any => {
  const requestTrailersMutations = [...callersOwn(...stripped), ...refusedAsHeaders.map(removeAll)];
  return any(HeaderMutationPerRouteSchema, { mutations: { requestTrailersMutations } });
});
