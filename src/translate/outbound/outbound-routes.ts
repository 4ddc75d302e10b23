// The one route to a dependency, with the timeouts and retries of the service that is called. Retries only where no byte of the
// request can have been worked on: no request is executed twice.
import { create } from '@bufbuild/protobuf';
import { type RetryPolicy, RetryPolicySchema } from '#gen/envoy/config/route/v3/route_components_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import { PreviousHostsPredicateSchema } from '#gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import type { ServiceIr } from '../../policy/ir.ts';
import { internalHeader, outboundName } from '../names.ts';
import { any } from '../wire/any.ts';
import { duration } from '../wire/duration.ts';

/** Then one that was tried already is taken after all. */
const hostSelections = 5n;

export function outboundRoutes(target: ServiceIr): RouteConfiguration {
  const name = outboundName(target.key);
  const retryPolicy = retriesOf(target);
  return create(RouteConfigurationSchema, {
    name,
    virtualHosts: [
      {
        name,
        domains: ['*'],
        routes: [
          {
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            action: {
              case: 'route',
              value: {
                clusterSpecifier: { case: 'cluster', value: name },
                // 0: none. Unset it would be Envoy's 15 s, which ends streams.
                timeout: duration(target.timeouts.requestMs),
                ...(retryPolicy === undefined ? {} : { retryPolicy }),
              },
            },
          },
        ],
      },
    ],
    requestHeadersToRemove: [internalHeader],
    validateClusters: false,
  });
}

function retriesOf({ retries }: ServiceIr): RetryPolicy | undefined {
  if (retries.attempts === 0) return undefined;
  return create(RetryPolicySchema, {
    retryOn: 'connect-failure,refused-stream,reset-before-request',
    numRetries: retries.attempts,
    // A sidecar that just went away has the fewest requests, and would be chosen again.
    retryHostPredicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        configType: { case: 'typedConfig', value: any(PreviousHostsPredicateSchema, {}) },
      },
    ],
    hostSelectionRetryMaxAttempts: hostSelections,
    ...(retries.perTryTimeoutMs === undefined ? {} : { perTryTimeout: duration(retries.perTryTimeoutMs) }),
  });
}
