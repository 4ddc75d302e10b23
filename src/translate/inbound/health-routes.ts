// Routes of the plaintext chain that a strict service opens for its health path: for the bare probe, and for nothing else. No query, no
// change of protocol; a body was refused before (health-filters.ts), and headers removed (bare-probe.ts).
import { create } from '@bufbuild/protobuf';
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
  RouteSchema,
} from '#gen/envoy/config/route/v3/route_components_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import { BufferPerRouteSchema } from '#gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.js';
import { RBACPerRouteSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import type { PortIr } from '../../policy/ir.ts';
import { healthRouteName, inboundName } from '../names.ts';
import { any } from '../wire/any.ts';
import { duration } from '../wire/duration.ts';
import { moreThanProbe } from './bare-probe.ts';
import { noBodyFilter, wholeProbeFilter } from './health-filters.ts';

/** For a port with a health path. */
export function healthRoutes(port: Pick<PortIr, 'port'>, healthPath: string): RouteConfiguration {
  const probes = ['GET', 'HEAD'].map((method) =>
    create(RouteSchema, {
      match: {
        // This ignores a query; the header that it comes from includes it.
        pathSpecifier: { case: 'path', value: healthPath },
        headers: [exactly(':method', method), exactly(':path', healthPath), ...moreThanProbe.map(absent)],
      },
      action: {
        case: 'route',
        // No timeout here: Envoy's default would be 15 s.
        value: { clusterSpecifier: { case: 'cluster', value: inboundName(port) }, timeout: duration(0) },
      },
    }),
  );
  const refusal = create(RouteSchema, {
    match: { pathSpecifier: { case: 'prefix', value: '/' } },
    // Whatever it sends, it is told what is missing, rather than that its body is too large.
    typedPerFilterConfig: {
      [wholeProbeFilter]: any(BufferPerRouteSchema, { override: { case: 'disabled', value: true } }),
      [noBodyFilter]: any(RBACPerRouteSchema, {}),
    },
    action: {
      case: 'directResponse',
      value: {
        status: 403,
        body: { specifier: { case: 'inlineString', value: 'a client certificate is required\n' } },
      },
    },
  });
  return create(RouteConfigurationSchema, {
    name: healthRouteName(port),
    virtualHosts: [{ name: inboundName(port), domains: ['*'], routes: [...probes, refusal] }],
    validateClusters: false,
  });
}

function exactly(name: string, value: string): HeaderMatcher {
  return create(HeaderMatcherSchema, {
    name,
    headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: { case: 'exact', value } } },
  });
}

function absent(name: string): HeaderMatcher {
  return create(HeaderMatcherSchema, {
    name,
    headerMatchSpecifier: { case: 'presentMatch', value: true },
    invertMatch: true,
  });
}
