// TCP to the application. Rules apply when a connection starts; it ends by a deny that cuts it (docs/cutting.md), or by silence. The
// network RBAC filter decides only when the caller's first byte arrives: wherever somebody may be denied, the application is not connected
// before that, or a denied caller would get the greeting of a server that speaks first (verified with Envoy 1.40). Callers that are known
// to be allowed are connected at once: a server that speaks first is heard, and an end without a byte is passed on.
import { create } from '@bufbuild/protobuf';
import { type Filter, FilterSchema } from '#gen/envoy/config/listener/v3/listener_components_pb.js';
import {
  TcpProxySchema,
  UpstreamConnectMode,
} from '#gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { inboundLogName } from '../../lib/log-names.ts';
import type { PortIr } from '../../policy/ir.ts';
import { inboundName } from '../names.ts';
import { any } from '../wire/any.ts';
import { duration } from '../wire/duration.ts';
import { connectionAccessLog } from './access-logs.ts';
import type { Admission } from './caller-chains.ts';

/** For a caller who is not allowed anything, and has not tried yet. */
const refusedMs = 10_000;
/** Buffered from the caller while the application is being connected; then reading pauses. */
const maxEarlyDataBytes = 65_536;

export function inboundTcp(service: PortIr, chain: 'mtls' | 'plain', admission: Admission): Filter {
  return create(FilterSchema, {
    name: 'envoy.filters.network.tcp_proxy',
    configType: {
      case: 'typedConfig',
      value: any(TcpProxySchema, {
        statPrefix: `inbound.${chain}`,
        clusterSpecifier: { case: 'cluster', value: inboundName(service) },
        ...(admission !== 'allowed' && refusesSomeone(service)
          ? { upstreamConnectMode: UpstreamConnectMode.ON_DOWNSTREAM_DATA, maxEarlyDataBytes }
          : {}),
        ...(admission === 'denied' ? { maxDownstreamConnectionDuration: duration(refusedMs) } : {}),
        idleTimeout: duration(service.timeouts.idleMs),
        accessLog: [connectionAccessLog(inboundLogName(service.id, chain))],
      }),
    },
  });
}

function refusesSomeone({ authorization }: PortIr): boolean {
  return authorization.fallback === 'deny' || authorization.deny.length > 0;
}
