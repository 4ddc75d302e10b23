// The HTTP connection manager of an inbound chain. Paths are normalised before any filter sees them, so that another spelling cannot bypass
// a rule; connections accept no new requests after the connection age, so that old certificates stop being used. What is open continues.
import { create } from '@bufbuild/protobuf';
import { type Filter, FilterSchema } from '#gen/envoy/config/listener/v3/listener_components_pb.js';
import {
  type HttpConnectionManager,
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManager_ServerHeaderTransformation,
  HttpConnectionManagerSchema,
  type HttpFilter,
  RdsSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { inboundLogName } from '../../lib/log-names.ts';
import { actionsTaken } from '../../lib/token-actions.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import type { PortIr } from '../../policy/ir.ts';
import { ads } from '../wire/ads.ts';
import { any } from '../wire/any.ts';
import { composer } from '../wire/compose.ts';
import { constant, remembered } from '../wire/constant.ts';
import { duration } from '../wire/duration.ts';
import {
  http1Intake,
  http2Codec,
  httpIntake,
  maxHeaders,
  maxStreamsBetweenSidecars,
  notWaitedFor,
  resets,
} from '../wire/http-limits.ts';
import { routerFilter } from '../wire/router-filter.ts';
import { httpAccessLog } from './access-logs.ts';
import { callerEarlyHeaders, probeEarlyHeaders } from './early-headers.ts';
import { localReplies } from './local-replies.ts';
import { peerNames } from './peer-names.ts';
import { trailers } from './trailers.ts';

export interface InboundManagerOptions {
  readonly chain: 'mtls' | 'plain' | 'health';
  readonly routeName: string;
  readonly filters: readonly HttpFilter[];
  /** The chain belongs to its callers: they declare the dependency. */
  readonly declared: boolean;
  /** Whose other identity headers the application gets. */
  readonly trusted: boolean;
  /** What arrived does not begin like HTTP: it is not kept waiting. */
  readonly odd: boolean;
}

const requestHeadersMs = 10_000;
/** Between the first GOAWAY and the last of a connection that reached its age; in HTTP/1.1 each answer says that it is the last. */
const drainMs = 5000;
/** For a message that is held until it was read; over HTTP/2 this is the window. The default limit of gRPC servers, plus its frame. */
const maxHeldBytes = 4 * 1024 * 1024 + 5;

/** For chains that differ in their caller; `only`: the one whose certificate the chain accepts, absent if there are several. */
export function inboundManager(
  service: PortIr,
  { chain, routeName, filters, declared, trusted, odd }: InboundManagerOptions,
): (only?: SpiffeId) => Filter {
  const probe = chain === 'health';
  const { id, identityHeaders, escapedSlashes, timeouts, connectionAgeMs, upgrades, describesGrpc } = service;
  const { stripped, xfcc, peerId } = identityHeaders;
  const managerOf = managerFor({
    ...{ chain, declared, odd, escapedSlashes, idleMs: timeouts.idleMs, xfcc: xfcc && !probe },
    stripped: trusted ? [] : stripped,
    credential: service.credential?.header,
    upgrades: probe ? [] : upgrades,
    describesGrpc,
    connectionAgeMs: chain === 'mtls' ? connectionAgeMs : undefined,
  });
  const isNamed = peerId && !probe;
  // Which token an identity was given is on record.
  const tellsTokens = service.credential !== undefined && !probe;
  const httpFilters = (only?: SpiffeId): HttpFilter[] => [
    ...filters,
    ...(probe ? [] : [trailers()]),
    ...(isNamed ? [peerNames(only)] : []),
    routerFilter(),
  ];
  const message = managerOf({
    routeSpecifier: { case: 'rds', value: create(RdsSchema, { configSource: ads(), routeConfigName: routeName }) },
    httpFilters: httpFilters(),
    accessLog: [httpAccessLog(inboundLogName(id, chain), tellsTokens ? [actionsTaken] : [])],
    httpProtocolOptions: http1Intake(service),
  });
  const shared = constant(() => packed(message));
  const named = constant(() => composer(message, ['httpFilters']));
  return (only) => (isNamed && only !== undefined ? packed(named()({ httpFilters: httpFilters(only) })) : shared());
}

function packed(message: HttpConnectionManager): Filter {
  return create(FilterSchema, {
    name: 'envoy.filters.network.http_connection_manager',
    configType: { case: 'typedConfig', value: any(HttpConnectionManagerSchema, message) },
  });
}

/** What many services have in common. */
type Common = {
  readonly chain: InboundManagerOptions['chain'];
  readonly declared: boolean;
  readonly odd: boolean;
  readonly stripped: readonly string[];
  /** A header with a token that the application expects. */
  readonly credential: string | undefined;
  readonly xfcc: boolean;
  readonly escapedSlashes: PortIr['escapedSlashes'];
  readonly idleMs: number;
  /** Absent: it has no end. */
  readonly connectionAgeMs: number | undefined;
  readonly upgrades: PortIr['upgrades'];
  readonly describesGrpc: boolean;
};

const managerFor = remembered((of: Common) =>
  composer(
    create(HttpConnectionManagerSchema, {
      statPrefix: `inbound.${of.chain}`,
      codecType: HttpConnectionManager_CodecType.AUTO,
      localReplyConfig: localReplies(of.chain),
      earlyHeaderMutationExtensions: [
        of.chain === 'health' ? probeEarlyHeaders() : callerEarlyHeaders(of.stripped, of.credential),
      ],
      ...(of.xfcc
        ? {
            forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET,
            setCurrentClientCertDetails: { subject: true, uri: true, dns: true },
          }
        : { forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE }),
      normalizePath: true,
      mergeSlashes: true,
      pathWithEscapedSlashesAction:
        of.escapedSlashes === 'keep'
          ? HttpConnectionManager_PathWithEscapedSlashesAction.KEEP_UNCHANGED
          : HttpConnectionManager_PathWithEscapedSlashesAction.REJECT_REQUEST,
      // The application's own view of the caller's address and of itself stays as without a sidecar.
      useRemoteAddress: false,
      skipXffAppend: true,
      internalAddressConfig: {},
      serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
      commonHttpProtocolOptions: {
        idleTimeout: duration(of.idleMs),
        // A connection accepts no new request after the expiry of its certificate. What has begun continues: first GOAWAY, or
        // "Connection: close", and the end when nothing is open any more. Plaintext has no certificate.
        ...(of.connectionAgeMs === undefined ? {} : { maxConnectionDuration: duration(of.connectionAgeMs) }),
        maxHeadersCount: maxHeaders,
      },
      ...httpIntake(of.upgrades),
      http2ProtocolOptions: {
        ...http2Codec,
        ...resets[of.declared ? 'sharedConnection' : 'anybody'],
        maxConcurrentStreams: maxStreamsBetweenSidecars,
        ...(of.describesGrpc ? { initialStreamWindowSize: maxHeldBytes } : {}),
      },
      streamIdleTimeout: duration(of.idleMs),
      requestHeadersTimeout: duration(requestHeadersMs),
      ...(of.odd ? notWaitedFor : {}),
      drainTimeout: duration(drainMs),
    }),
    ['routeSpecifier', 'httpFilters', 'accessLog', 'httpProtocolOptions'],
  ),
);
