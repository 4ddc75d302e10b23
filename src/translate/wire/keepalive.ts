// Detects half-open connections: a host that vanished does not occupy anything for long.
import { create } from '@bufbuild/protobuf';
import {
  type SocketOption,
  SocketOption_SocketState,
  SocketOptionSchema,
} from '#gen/envoy/config/core/v3/socket_option_pb.js';

/** Seconds and probes: a peer that vanished is noticed after a minute. */
export const keepalive = { keepaliveTime: 30, keepaliveInterval: 10, keepaliveProbes: 3 } as const;

/** IPPROTO_TCP and TCP_USER_TIMEOUT of Linux. */
const [tcp, userTimeout] = [6n, 18n];

/** Keepalive probes only idle connections: data that is never acknowledged would be retransmitted for 15 minutes. */
export function unacknowledged(): SocketOption {
  return create(SocketOptionSchema, {
    description: 'TCP_USER_TIMEOUT',
    level: tcp,
    name: userTimeout,
    value: { case: 'intValue', value: 30_000n },
    state: SocketOption_SocketState.STATE_PREBIND,
  });
}
