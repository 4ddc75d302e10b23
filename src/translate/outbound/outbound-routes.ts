// The one route to a dependency, with the timeouts and retries of the service that is called. Retries only where no byte of the
// request can have been worked on: no request is executed twice.
import { create } from '@bufbuild/protobuf';
import { type RetryPolicy, RetryPolicySchema } from '#gen/envoy/config/route/v3/route_components_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import type { ServiceIr } from '../../policy/ir.ts';
import { outboundName } from '../names.ts';
import { duration } from '../wire/duration.ts';

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
    validateClusters: false,
  });
}

function retriesOf({ retries }: ServiceIr): RetryPolicy | undefined {
  if (retries.attempts === 0) return undefined;
  return create(RetryPolicySchema, {
    retryOn: 'connect-failure,refused-stream,reset-before-request',
    numRetries: retries.attempts,
    ...(retries.perTryTimeoutMs === undefined ? {} : { perTryTimeout: duration(retries.perTryTimeoutMs) }),
  });
}
