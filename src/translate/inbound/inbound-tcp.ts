// TCP to the application. Rules hold at a connection's start, so that its age is bounded.
import { create } from '@bufbuild/protobuf';
import { type Filter, FilterSchema } from '#gen/envoy/config/listener/v3/listener_components_pb.js';
import { TcpProxySchema } from '#gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import type { ServiceIr } from '../../policy/ir.ts';
import { inboundName, logName } from '../names.ts';
import { any } from '../wire/any.ts';
import { duration } from '../wire/duration.ts';
import { connectionAccessLog } from './access-logs.ts';

export function inboundTcp(service: ServiceIr, chain: 'mtls' | 'plain'): Filter {
  return create(FilterSchema, {
    name: 'envoy.filters.network.tcp_proxy',
    configType: {
      case: 'typedConfig',
      value: any(TcpProxySchema, {
        statPrefix: `inbound.${chain}`,
        clusterSpecifier: { case: 'cluster', value: inboundName },
        idleTimeout: duration(service.timeouts.idleMs),
        maxDownstreamConnectionDuration: duration(service.connectionAgeMs),
        accessLog: [connectionAccessLog(logName(service.key, chain))],
      }),
    },
  });
}
