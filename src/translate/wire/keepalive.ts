// Half-open connections are found out: whose host is gone without a word holds nothing for long.
import { create } from '@bufbuild/protobuf';
import {
  type SocketOption,
  SocketOption_SocketState,
  SocketOptionSchema,
} from '#gen/envoy/config/core/v3/socket_option_pb.js';

export const keepalive = { keepaliveTime: 30, keepaliveInterval: 10, keepaliveProbes: 3 } as const;

/** IPPROTO_TCP and TCP_USER_TIMEOUT of Linux. */
const [tcp, userTimeout] = [6n, 18n];

/** Keepalive asks only where nothing is on its way: what was sent and is never acknowledged would be sent again for 15 minutes. */
export function unacknowledged(): SocketOption {
  return create(SocketOptionSchema, {
    description: 'TCP_USER_TIMEOUT',
    level: tcp,
    name: userTimeout,
    value: { case: 'intValue', value: 30_000n },
    state: SocketOption_SocketState.STATE_PREBIND,
  });
}
