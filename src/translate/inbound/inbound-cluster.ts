// The application, on the sidecar's own host, in plaintext.
import { create } from '@bufbuild/protobuf';
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from '#gen/envoy/config/cluster/v3/cluster_pb.js';
import type { PortIr } from '../../policy/ir.ts';
import { inboundName } from '../names.ts';
import type { PortShape } from '../proxy.ts';
import { address, socketAddress } from '../wire/address.ts';
import { circuitBreakers } from '../wire/circuit-breakers.ts';
import { duration } from '../wire/duration.ts';
import { maxStreamsToApplication } from '../wire/http-limits.ts';
import { httpProtocol } from '../wire/http-protocol.ts';

/** `loopback6`: the host has ::1, which is tried if nothing listens on 127.0.0.1. */
export function inboundCluster(
  service: PortIr,
  application: NonNullable<PortShape['application']>,
  loopback6?: true,
): Cluster {
  return create(ClusterSchema, {
    name: inboundName(service),
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: duration(service.timeouts.connectMs),
    circuitBreakers: circuitBreakers(),
    typedExtensionProtocolOptions: httpProtocol(
      service,
      { idleTimeout: duration(service.timeouts.applicationIdleMs) },
      { maxConcurrentStreams: maxStreamsToApplication },
    ),
    loadAssignment: {
      clusterName: inboundName(service),
      endpoints: [
        {
          lbEndpoints: [
            {
              hostIdentifier: {
                case: 'endpoint',
                value:
                  'path' in application
                    ? { address: socketAddress(application.path) }
                    : {
                        address: address(application.address, application.port),
                        // Tried if nothing listens on the first: an application may listen only on the IPv6 one.
                        ...(loopback6 === true && application.address === '127.0.0.1'
                          ? { additionalAddresses: [{ address: address('::1', application.port) }] }
                          : {}),
                      },
              },
            },
          ],
        },
      ],
    },
  });
}
