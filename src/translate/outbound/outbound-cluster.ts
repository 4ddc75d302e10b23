// A dependency: its endpoints, mTLS to exactly its identity, and how its health is judged.
import { create } from '@bufbuild/protobuf';
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_EdsClusterConfigSchema,
  Cluster_LbPolicy,
  ClusterSchema,
  UpstreamConnectionOptionsSchema,
} from '#gen/envoy/config/cluster/v3/cluster_pb.js';
import { type OutlierDetection, OutlierDetectionSchema } from '#gen/envoy/config/cluster/v3/outlier_detection_pb.js';
import { BindConfigSchema } from '#gen/envoy/config/core/v3/address_pb.js';
import { ClusterLoadAssignmentSchema } from '#gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import type { PortIr } from '../../policy/ir.ts';
import { assignmentName, outboundName } from '../names.ts';
import { upstreamTls } from '../tls/upstream-tls.ts';
import { address } from '../wire/address.ts';
import { ads } from '../wire/ads.ts';
import { circuitBreakers } from '../wire/circuit-breakers.ts';
import { composer } from '../wire/compose.ts';
import { duration } from '../wire/duration.ts';
import { maxStreamsBetweenSidecars } from '../wire/http-limits.ts';
import { httpProtocol } from '../wire/http-protocol.ts';
import { keepalive, unacknowledged } from '../wire/keepalive.ts';
import { healthChecks } from './health-checks.ts';

/** The caller's side gives up a connection first, gracefully, before the service's side has to. */
const callersShareOfAge = 0.75;
const ageJitterPercent = 10;
const dnsRefreshMs = 5000;
/**
 * gRPC clients use pings to detect that a server is gone. Their own sidecar answers these, so it must ping as well: otherwise a connection
 * to a frozen sidecar, or to a host that is gone, would be kept, and given every new call.
 */
const pingMs = 15_000;

/** For each caller of the target. `viewerCell`: whose view of the endpoints it uses (`loadAssignment`). Reads all of the target at once. */
export function outboundCluster(
  target: PortIr,
  viewerCell: string | undefined,
): (caller: SpiffeId, secrets?: 'local') => Cluster {
  const age = target.connectionAgeMs * callersShareOfAge;
  const base = create(ClusterSchema, {
    name: outboundName(target.id),
    ...discovery(target, viewerCell),
    lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
    connectTimeout: duration(target.timeouts.connectMs),
    circuitBreakers: circuitBreakers(),
    healthChecks: healthChecks(target),
    ...outliers(target),
    upstreamBindConfig: create(BindConfigSchema, { socketOptions: [unacknowledged()] }),
    upstreamConnectionOptions: create(UpstreamConnectionOptionsSchema, { tcpKeepalive: keepalive }),
    typedExtensionProtocolOptions: httpProtocol(
      target,
      {
        // No separate limit is needed: the age ends unused connections, too.
        idleTimeout: duration(Math.min((target.timeouts.idleMs || Number.POSITIVE_INFINITY) * callersShareOfAge, age)),
        maxConnectionDuration: duration(age),
        maxConnectionDurationJitter: { value: ageJitterPercent },
      },
      {
        maxConcurrentStreams: maxStreamsBetweenSidecars,
        connectionKeepalive: { interval: duration(pingMs), timeout: duration(pingMs) },
      },
    ),
  });
  const cluster = composer(base, ['transportSocket']);
  const tls = upstreamTls(target);
  return (caller, secrets) => cluster({ transportSocket: tls(caller, secrets) });
}

function discovery({ id, endpoints }: PortIr, viewerCell: string | undefined) {
  if (endpoints.kind !== 'dns') {
    return {
      clusterDiscoveryType: { case: 'type' as const, value: Cluster_DiscoveryType.EDS },
      edsClusterConfig: create(Cluster_EdsClusterConfigSchema, {
        edsConfig: ads(),
        serviceName: assignmentName(id, viewerCell),
      }),
    };
  }
  const endpoint = { address: address(endpoints.name, endpoints.port) };
  return {
    clusterDiscoveryType: { case: 'type' as const, value: Cluster_DiscoveryType.STRICT_DNS },
    dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
    dnsRefreshRate: duration(dnsRefreshMs),
    respectDnsTtl: true,
    loadAssignment: create(ClusterLoadAssignmentSchema, {
      clusterName: outboundName(id),
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: endpoint } }] }],
    }),
  };
}

function outliers({ outlierDetection: limits }: PortIr): { outlierDetection?: OutlierDetection } {
  if (limits === undefined) return {};
  return {
    outlierDetection: create(OutlierDetectionSchema, {
      // A failed connection counts like a 5xx.
      consecutive5xx: limits.consecutiveFailures,
      enforcingConsecutive5xx: 100,
      baseEjectionTime: duration(limits.baseEjectionMs),
      maxEjectionPercent: limits.maxEjectionPercent,
      enforcingSuccessRate: 0,
      enforcingConsecutiveGatewayFailure: 0,
    }),
  };
}
