// Routes to the application. Whether a call is allowed was decided before; here, the application is told only identities of the mesh: a
// legacy certificate may contain any URI of another trust domain.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { HeaderValueOption_HeaderAppendAction } from '#gen/envoy/config/core/v3/base_pb.js';
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
  type Route,
  type RouteMatchSchema,
  RouteSchema,
} from '#gen/envoy/config/route/v3/route_components_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import { HttpRequestHeaderMatchInputSchema } from '#gen/envoy/type/matcher/v3/http_inputs_pb.js';
import type { Matcher_OnMatchSchema } from '#gen/xds/type/matcher/v3/matcher_pb.js';
import { cellSpiffePrefix, trustDomainUri } from '../../model/spiffe-id.ts';
import type { MeshIr, PortIr } from '../../policy/ir.ts';
import {
  inboundName,
  internalHeader,
  peerCellHeader,
  peerIdHeader,
  peerServiceHeader,
  subjectDnHeader,
  xfccHeader,
} from '../names.ts';
import { any } from '../wire/any.ts';
import { duration } from '../wire/duration.ts';
import { peerNameValues } from './peer-names.ts';
import { subjectDn } from './subject-dn.ts';
import { withoutForgedTrailers } from './trailers.ts';

/** For the chains with filters; those of the health path are separate. */
export function inboundRoutes(service: PortIr, mesh: MeshIr): RouteConfiguration {
  const { trustDomain, cells } = mesh;
  const { peerId, xfcc, subjectDn: wantsDn } = service.identityHeaders;
  // Envoy writes a certificate's names into XFCC as they are: an old CA may vouch for a DNS name "a;URI=spiffe://…".
  const withoutPeer = route(service, everything, { remove: [peerIdHeader, ...(xfcc ? [xfccHeader] : [])] });
  const set = peerId ? { [peerCellHeader]: peerNameValues.cell, [peerServiceHeader]: peerNameValues.service } : {};
  const remove = peerId ? [] : [peerIdHeader];
  // Of a foreign caller only the ID: its CA may write any other name, and the names in its ID are not those of our cells and services.
  const foreign = peerId ? (service.federated ?? []).map((one) => `${trustDomainUri(one)}/`) : [];
  const onlyId = { remove: xfcc ? [xfccHeader] : [] };
  if (wantsDn) {
    const ofCells = [...cells.keys()].sort().map((cell): [string, Route] => {
      const headers = { ...set, [subjectDnHeader]: subjectDn(cell) };
      return [cellSpiffePrefix(trustDomain, cell), route(service, everything, { set: headers, remove })];
    });
    return byPeer(
      service,
      [
        [`${trustDomainUri(trustDomain)}/`, route(service, everything, { set, remove })],
        ...foreign.map((one) => [one, route(service, everything, onlyId)] as const),
        ...ofCells,
      ],
      withoutPeer,
    );
  }
  const ofTheMesh = header(peerIdHeader, { case: 'prefix', value: `${trustDomainUri(trustDomain)}/` });
  return configuration(
    service,
    peerId || xfcc
      ? [
          route(service, { ...everything, headers: [ofTheMesh] }, { set, remove }),
          ...foreign.map((value) =>
            route(service, { ...everything, headers: [header(peerIdHeader, { case: 'prefix', value })] }, onlyId),
          ),
          withoutPeer,
        ]
      : [withoutPeer],
  );
}

const everything = { pathSpecifier: { case: 'prefix', value: '/' } } as const;

/** The route with the longest prefix of the caller's ID: a lookup, because there may be a thousand cells. */
function byPeer(
  service: PortIr,
  prefixes: readonly (readonly [string, Route])[],
  otherwise: Route,
): RouteConfiguration {
  const taken = (value: Route): MessageInitShape<typeof Matcher_OnMatchSchema> => ({
    onMatch: { case: 'action', value: { name: 'route', typedConfig: anyPack(RouteSchema, value) } },
  });
  return create(RouteConfigurationSchema, {
    name: inboundName(service),
    virtualHosts: [
      {
        name: inboundName(service),
        domains: ['*'],
        matcher: {
          matcherType: {
            case: 'matcherTree',
            value: {
              input: {
                name: 'peer',
                typedConfig: any(HttpRequestHeaderMatchInputSchema, { headerName: peerIdHeader }),
              },
              treeType: {
                case: 'prefixMatchMap',
                value: { map: Object.fromEntries(prefixes.map(([prefix, value]) => [prefix, taken(value)])) },
              },
            },
          },
          onNoMatch: taken(otherwise),
        },
      },
    ],
    ...onlyAskedUpgrade(service),
    requestHeadersToRemove: [internalHeader],
    typedPerFilterConfig: withoutForgedTrailers(service),
    validateClusters: false,
  });
}

function configuration(service: PortIr, routes: readonly Route[]): RouteConfiguration {
  return create(RouteConfigurationSchema, {
    name: inboundName(service),
    virtualHosts: [{ name: inboundName(service), domains: ['*'], routes: [...routes] }],
    ...onlyAskedUpgrade(service),
    requestHeadersToRemove: [internalHeader],
    typedPerFilterConfig: withoutForgedTrailers(service),
    validateClusters: false,
  });
}

/**
 * Envoy passes on `Connection` of a WebSocket request as it came, and of no other. After the upgrade token it may name headers that a proxy
 * in the application would then remove: those that say who calls.
 */
function onlyAskedUpgrade({ upgrades }: PortIr): MessageInitShape<typeof RouteConfigurationSchema> {
  if (upgrades.length === 0) return {};
  return {
    requestHeadersToAdd: [
      {
        header: { key: 'connection', value: 'upgrade' },
        appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS,
      },
    ],
  };
}

interface HeaderChanges {
  readonly set?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

/**
 * No timeout here (Envoy's default would be 15 s): the caller's side has the service's. What is set was removed from the request before
 * everything else, and is overwritten nevertheless.
 */
function route(
  service: PortIr,
  match: MessageInitShape<typeof RouteMatchSchema>,
  { set = {}, remove = [] }: HeaderChanges = {},
): Route {
  return create(RouteSchema, {
    match,
    action: {
      case: 'route',
      value: { clusterSpecifier: { case: 'cluster', value: inboundName(service) }, timeout: duration(0) },
    },
    requestHeadersToAdd: Object.entries(set).map(([key, value]) => ({
      header: { key, value },
      appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    })),
    requestHeadersToRemove: [...remove],
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
