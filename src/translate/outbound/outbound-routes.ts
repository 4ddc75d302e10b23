// The only route to a dependency, for the names by which an application on this host calls it, with the timeouts and retries of the called
// service. Retries only if no byte of the request can have been processed: no request is executed twice.
import { create } from '@bufbuild/protobuf';
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
  type RetryPolicy,
  RetryPolicySchema,
  type Route,
  RouteSchema,
  type VirtualHost,
  VirtualHostSchema,
} from '#gen/envoy/config/route/v3/route_components_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import { PreviousHostsPredicateSchema } from '#gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { RegexMatcherSchema } from '#gen/envoy/type/matcher/v3/regex_pb.js';
import { StringMatcherSchema } from '#gen/envoy/type/matcher/v3/string_pb.js';
import { defined } from '../../lib/defined.ts';
import type { DependencyIr, PortIr } from '../../policy/ir.ts';
import { internalHeader, outboundName } from '../names.ts';
import { any } from '../wire/any.ts';
import { duration } from '../wire/duration.ts';

/**
 * Then one that was tried already is taken after all. Of two endpoints the idle one is drawn three times in four, and who is gone is
 * idle: with five draws one retry in four went back to it.
 */
const hostSelections = 50n;

interface Reached extends Pick<DependencyIr, 'hosts'> {
  readonly by: 'port' | 'socket';
}

export function outboundRoutes(target: PortIr, reached: Reached): RouteConfiguration {
  return create(RouteConfigurationSchema, {
    name: outboundName(target.id),
    virtualHosts: virtualHosts(target, reached),
    ignorePortInHostMatching: true,
    requestHeadersToRemove: [internalHeader],
    validateClusters: false,
  });
}

/**
 * A browser on this host can be lured to a loopback port by a foreign name (DNS rebinding), and would then call as the service. Such a name
 * contains a dot; and no browser can reach a socket.
 */
function virtualHosts(target: PortIr, { by, hosts }: Reached): VirtualHost[] {
  const name = outboundName(target.id);
  if (by === 'socket' || hosts.includes('*')) return [virtualHost(name, ['*'], [route(target)])];
  const own = virtualHost(name, ['*'], [route(target, [byOwnHost]), refusal]);
  return hosts.length === 0
    ? [own]
    : [own, virtualHost(`${name}:named`, [...new Set(hosts.flatMap((host) => [host, `${host}.`]))], [route(target)])];
}

function virtualHost(name: string, domains: string[], routes: Route[]): VirtualHost {
  return create(VirtualHostSchema, { name, domains, routes });
}

/** This host's own addresses, a name without a dot, or none at all; with a port or without. */
const byOwnHost = create(HeaderMatcherSchema, {
  name: ':authority',
  treatMissingHeaderAsEmpty: true,
  headerMatchSpecifier: {
    case: 'stringMatch',
    value: create(StringMatcherSchema, {
      matchPattern: {
        case: 'safeRegex',
        value: create(RegexMatcherSchema, { regex: '(\\[::1\\]|127\\.0\\.0\\.1|[A-Za-z0-9_-]+\\.?)?(:[0-9]*)?' }),
      },
    }),
  },
});

const refusal = create(RouteSchema, {
  match: { pathSpecifier: { case: 'prefix', value: '/' } },
  action: {
    case: 'directResponse',
    value: {
      status: 403,
      body: {
        specifier: {
          case: 'inlineString',
          value:
            'this Host is not served here: call 127.0.0.1, localhost or another name without a dot, or add the ' +
            'name to "hosts" of this dependency in the Service document',
        },
      },
    },
  },
});

function route(target: PortIr, headers: HeaderMatcher[] = []): Route {
  const retryPolicy = retriesOf(target);
  return create(RouteSchema, {
    match: { pathSpecifier: { case: 'prefix', value: '/' }, headers },
    action: {
      case: 'route',
      value: {
        clusterSpecifier: { case: 'cluster', value: outboundName(target.id) },
        // 0: none. The default would be Envoy's 15 s, which ends streams.
        timeout: duration(target.timeouts.requestMs),
        ...defined({ retryPolicy }),
      },
    },
  });
}

function retriesOf({ retries }: PortIr): RetryPolicy | undefined {
  if (retries.attempts === 0) return undefined;
  return create(RetryPolicySchema, {
    retryOn: 'connect-failure,refused-stream,reset-before-request',
    numRetries: retries.attempts,
    // A sidecar that just disappeared has the fewest requests, and would be chosen again.
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
