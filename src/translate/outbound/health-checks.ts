// Active checks by callers, over mTLS as themselves: the health path, or a connection.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type HealthCheck, HealthCheckSchema } from '#gen/envoy/config/core/v3/health_check_pb.js';
import { CodecClientType } from '#gen/envoy/type/v3/http_pb.js';
import type { PortIr } from '../../policy/ir.ts';
import { duration } from '../wire/duration.ts';

/** Empty if the target declares none. */
export function healthChecks(target: PortIr): HealthCheck[] {
  const { healthCheck } = target;
  if (healthCheck === undefined) return [];
  return [
    create(HealthCheckSchema, {
      interval: duration(healthCheck.intervalMs),
      timeout: duration(healthCheck.timeoutMs),
      unhealthyThreshold: healthCheck.unhealthyThreshold,
      healthyThreshold: healthCheck.healthyThreshold,
      // Before the first call, once a minute (Envoy's default) is too rare for a first call that must not fail.
      noTrafficInterval: duration(healthCheck.intervalMs),
      healthChecker: checker(target) ?? { case: undefined },
    }),
  ];
}

function checker({ protocol, healthPath }: PortIr): MessageInitShape<typeof HealthCheckSchema>['healthChecker'] {
  if (protocol === 'tcp' || healthPath === undefined) return { case: 'tcpHealthCheck', value: {} };
  return {
    case: 'httpHealthCheck',
    value: { path: healthPath, codecClientType: protocol === 'http1' ? CodecClientType.HTTP1 : CodecClientType.HTTP2 },
  };
}
