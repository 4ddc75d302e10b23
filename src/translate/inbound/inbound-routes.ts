// Routes to the application. Whether a call is allowed was decided before them; here the application is told of no identity
// but those of the mesh: a legacy certificate may hold any URI of another trust domain.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
  type Route,
  type RouteMatchSchema,
  RouteSchema,
} from '#gen/envoy/config/route/v3/route_components_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';

import { type TrustDomain, trustDomainUri } from '../../model/spiffe-id.ts';
import type { ServiceIr } from '../../policy/ir.ts';
import { healthRouteName, inboundName, peerIdHeader } from '../names.ts';
import { duration } from '../wire/duration.ts';

export function inboundRoutes(service: ServiceIr, domain: TrustDomain): RouteConfiguration {
  const everything = { pathSpecifier: { case: 'prefix', value: '/' } } as const;
  const withoutPeerId = route(everything, [peerIdHeader]);
  const ofTheMesh = header(peerIdHeader, { case: 'prefix', value: `${trustDomainUri(domain)}/` });
  return configuration(
    inboundName,
    service.identityHeaders.peerId ? [route({ ...everything, headers: [ofTheMesh] }), withoutPeerId] : [withoutPeerId],
  );
}

/** Of the plaintext chain that a strict service opens for its health path, and for nothing else. */
export function healthRoutes(healthPath: string): RouteConfiguration {
  const methods = ['GET', 'HEAD'].map((method) =>
    route({
      pathSpecifier: { case: 'path', value: healthPath },
      headers: [header(':method', { case: 'exact', value: method })],
    }),
  );
  const refusal = create(RouteSchema, {
    match: { pathSpecifier: { case: 'prefix', value: '/' } },
    action: {
      case: 'directResponse',
      value: {
        status: 403,
        body: { specifier: { case: 'inlineString', value: 'a client certificate is required\n' } },
      },
    },
  });
  return configuration(healthRouteName, [...methods, refusal]);
}

function configuration(name: string, routes: readonly Route[]): RouteConfiguration {
  return create(RouteConfigurationSchema, {
    name,
    virtualHosts: [{ name: inboundName, domains: ['*'], routes: [...routes] }],
    validateClusters: false,
  });
}

/** No timeout here (Envoy's default would be 15 s): the caller's side has the service's. */
function route(
  match: MessageInitShape<typeof RouteMatchSchema>,
  requestHeadersToRemove: readonly string[] = [],
): Route {
  return create(RouteSchema, {
    match,
    action: {
      case: 'route',
      value: { clusterSpecifier: { case: 'cluster', value: inboundName }, timeout: duration(0) },
    },
    requestHeadersToRemove: [...requestHeadersToRemove],
  });
}

function header(
  name: string,
  matchPattern: { readonly case: 'prefix' | 'exact'; readonly value: string },
): HeaderMatcher {
  return create(HeaderMatcherSchema, {
    name,
    headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern } },
  });
}
