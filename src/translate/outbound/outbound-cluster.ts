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
    // What is no endpoint any more is no endpoint: Envoy would keep one whose sidecar can still be connected to, for a dead application.
    ignoreHealthOnHostRemoval: target.healthCheck !== undefined,
    outlierDetection: outliers(target),
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

/**
 * Where the document says nothing: a replica whose sidecar answers 502, 503 or 504 again and again, as for an application that is dead or
 * hangs, or that cannot be reached, takes no calls for a while. Half of the replicas at most, so that where all fail all are tried, and
 * never the only one. It is tried again after 10 s, which Envoy adds again each time that it fails, here up to half a minute: of two
 * that were dead, the one that is back must not wait long beside the other.
 */
const usual = { consecutiveFailures: 5, baseEjectionMs: 10_000, maxEjectionPercent: 50 };
const usualLongestMs = 30_000;
const neverReached = 0xffff_ffff;
/** Those whose time is over are let in this often. */
const sweepMs = 5000;

/** A failed connection counts like a 503. An application's own 500 counts only where the document says so. */
function outliers({ outlierDetection: limits }: PortIr): OutlierDetection {
  const { consecutiveFailures, baseEjectionMs, maxEjectionPercent } = limits ?? usual;
  return create(OutlierDetectionSchema, {
    ...(limits === undefined
      ? {
          consecutiveGatewayFailure: consecutiveFailures,
          enforcingConsecutiveGatewayFailure: 100,
          // A patch that sets it has it enforced.
          consecutive5xx: neverReached,
          interval: duration(sweepMs),
          maxEjectionTime: duration(usualLongestMs),
        }
      : { consecutive5xx: consecutiveFailures, enforcingConsecutive5xx: 100, enforcingConsecutiveGatewayFailure: 0 }),
    baseEjectionTime: duration(baseEjectionMs),
    maxEjectionPercent,
    enforcingSuccessRate: 0,
  });
}
