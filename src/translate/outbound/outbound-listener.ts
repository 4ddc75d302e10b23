// Where an application reaches its dependencies: a loopback port or a socket, plaintext, one for each dependency.
import { create } from '@bufbuild/protobuf';
import { TrafficDirection } from '#gen/envoy/config/core/v3/base_pb.js';
import { type Filter, FilterSchema } from '#gen/envoy/config/listener/v3/listener_components_pb.js';
import { AdditionalAddressSchema, type Listener, ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import {
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_ServerHeaderTransformation,
  HttpConnectionManagerSchema,
  RdsSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { TcpProxySchema } from '#gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { outboundLogName } from '../../lib/log-names.ts';
import type { DependencyIr, PortIr } from '../../policy/ir.ts';
import { ownAnswersAccessLog } from '../inbound/access-logs.ts';
import { ownReplies } from '../inbound/local-replies.ts';
import { outboundName } from '../names.ts';
import type { ProxyShape } from '../proxy.ts';
import { address, socketAddress } from '../wire/address.ts';
import { ads } from '../wire/ads.ts';
import { any } from '../wire/any.ts';
import { composer } from '../wire/compose.ts';
import { remembered } from '../wire/constant.ts';
import { duration } from '../wire/duration.ts';
import { noEarlyHeaders } from '../wire/early-headers.ts';
import { foundHttp, httpInspector } from '../wire/http-inspector.ts';
import { http1Intake, http2Codec, httpIntake, maxHeaders, notWaitedFor, resets } from '../wire/http-limits.ts';
import { keepalive } from '../wire/keepalive.ts';
import { routerFilter } from '../wire/router-filter.ts';

const loopback = '127.0.0.1';
const loopback6Address = '::1';
/** Envoy's maximum; its default is 1024. */
const anyNumberOfStreams = 2_147_483_647;

/** For each address of the target's callers. Reads all of the target at once. */
export function outboundListener(
  target: PortIr,
  { loopback6 }: Pick<ProxyShape, 'loopback6'>,
): (listen: DependencyIr['listen']) => Listener {
  const base = create(ListenerSchema, {
    name: outboundName(target.id),
    // Two sidecars on one port would otherwise start without an error and share its traffic.
    enableReusePort: false,
    tcpKeepalive: keepalive,
    trafficDirection: TrafficDirection.OUTBOUND,
    ...(target.protocol === 'tcp' ? { filterChains: [{ filters: [tcpProxy(target)] }] } : onlyHttp(target)),
  });
  const listener = composer(base, ['address', 'additionalAddresses']);
  return (listen) =>
    listener({
      address: typeof listen === 'number' ? address(loopback, listen) : socketAddress(listen.path, listen.mode),
      // For clients that resolve `localhost` to it.
      additionalAddresses:
        typeof listen === 'number' && loopback6 === true
          ? [create(AdditionalAddressSchema, { address: address(loopback6Address, listen) })]
          : [],
    });
}

/**
 * Connections that do not begin like HTTP get their own chain, as for inbound: odd requests (an empty line first, a non-ASCII path) are
 * answered, and other protocols are not kept waiting, and are reported. A client that has sent nothing yet may take its time.
 */
function onlyHttp(target: PortIr) {
  return {
    listenerFilters: [httpInspector()],
    listenerFiltersTimeout: duration(0),
    filterChains: [
      { name: 'http', filterChainMatch: { applicationProtocols: foundHttp }, filters: [manager(target, 'own')] },
      { name: 'http:odd', filters: [manager(target, 'odd')] },
    ],
  };
}

function manager(target: PortIr, log: 'own' | 'odd'): Filter {
  const { id, protocol, timeouts } = target;
  const name = outboundName(id);
  const message = managerFor(
    log,
    timeouts.idleMs,
    protocol === 'http1' ? ['websocket'] : [],
  )({
    statPrefix: name,
    routeSpecifier: { case: 'rds', value: create(RdsSchema, { configSource: ads(), routeConfigName: name }) },
    accessLog: [ownAnswersAccessLog(outboundLogName(id, log))],
    httpProtocolOptions: http1Intake(target),
  });
  return create(FilterSchema, {
    name: 'envoy.filters.network.http_connection_manager',
    configType: { case: 'typedConfig', value: any(HttpConnectionManagerSchema, message) },
  });
}

const managerFor = remembered((log: 'own' | 'odd', idleMs: number, upgrades: readonly 'websocket'[]) =>
  composer(
    create(HttpConnectionManagerSchema, {
      codecType: HttpConnectionManager_CodecType.AUTO,
      httpFilters: [routerFilter()],
      localReplyConfig: ownReplies(),
      earlyHeaderMutationExtensions: [noEarlyHeaders()],
      forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE,
      useRemoteAddress: false,
      skipXffAppend: true,
      internalAddressConfig: {},
      serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
      commonHttpProtocolOptions: { idleTimeout: duration(idleMs), maxHeadersCount: maxHeaders },
      // Whether it may be one is decided on the service's side, where denials are logged.
      ...httpIntake(upgrades),
      // Its own application may open as many as it likes: beyond a limit, they would wait without any sign.
      http2ProtocolOptions: { ...http2Codec, ...resets.sharedConnection, maxConcurrentStreams: anyNumberOfStreams },
      streamIdleTimeout: duration(idleMs),
      ...(log === 'odd' ? notWaitedFor : {}),
    }),
    ['statPrefix', 'routeSpecifier', 'accessLog', 'httpProtocolOptions'],
  ),
);

function tcpProxy({ id, timeouts, retries }: PortIr): Filter {
  const name = outboundName(id);
  return create(FilterSchema, {
    name: 'envoy.filters.network.tcp_proxy',
    configType: {
      case: 'typedConfig',
      value: any(TcpProxySchema, {
        statPrefix: name,
        clusterSpecifier: { case: 'cluster', value: name },
        idleTimeout: duration(timeouts.idleMs),
        maxConnectAttempts: 1 + retries.attempts,
      }),
    },
  });
}
