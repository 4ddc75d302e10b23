// Filters in front of the routes of a health path that is open without a certificate: no body passes, declared or not, and no trailers. In
// HTTP/2, and in chunks, a body is noticed only when it arrives, so the whole request is awaited: at most one byte.
import { create } from '@bufbuild/protobuf';
import { PrincipalSchema } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { BufferSchema } from '#gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.js';
import { HeaderMutationSchema } from '#gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import { RBACSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { headerIs, headerPresent, not, or } from '../rbac/permissions.ts';
import { policy, rbac } from '../rbac/policies.ts';
import { any } from '../wire/any.ts';

export const wholeProbeFilter = 'cellwall.whole-probe';
export const noBodyFilter = 'cellwall.no-body';

/** In the order in which they must be in the chain. */
export function healthFilters(): readonly HttpFilter[] {
  const anyone = create(PrincipalSchema, { identifier: { case: 'any', value: true } });
  const nothing = or([not(headerPresent('content-length')), headerIs('content-length', '0')]);
  return [
    // It sets the length of what it awaited, if the request did not.
    filter(wholeProbeFilter, any(BufferSchema, { maxRequestBytes: 1 })),
    filter(
      noBodyFilter,
      any(RBACSchema, {
        rules: rbac('allow', new Map([['cellwall/no-body', policy([anyone], [nothing])]])),
        rulesStatPrefix: 'health_',
      }),
    ),
    filter(
      'cellwall.no-trailers',
      any(HeaderMutationSchema, {
        mutations: {
          requestTrailersMutations: [
            {
              action: {
                case: 'removeOnMatch',
                value: { keyMatcher: { matchPattern: { case: 'safeRegex', value: { regex: '.*' } } } },
              },
            },
          ],
        },
      }),
    ),
  ];
}

function filter(name: string, typedConfig: ReturnType<typeof any>): HttpFilter {
  return create(HttpFilterSchema, { name, configType: { case: 'typedConfig', value: typedConfig } });
}
