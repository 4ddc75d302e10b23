// The load of steps 6 and 7: one lane a protocol, each with a caller that has a sidecar and one that has none.
import type { World } from '../house/world.ts';
import type { LanePlan, LoadPlan, LoadProtocol } from '../load/plan.ts';

interface Lane {
  readonly protocol: LoadProtocol;
  readonly server: string;
  readonly kept: string;
  readonly fresh: 'httpRouter' | 'cell1Gitlab';
}

export const lanes: readonly Lane[] = [
  { protocol: 'http1', server: 'cell-1/gitlab', kept: 'gitlab-shell', fresh: 'httpRouter' },
  { protocol: 'http2', server: 'cell-1/registry', kept: 'cell-1/gitlab', fresh: 'cell1Gitlab' },
  { protocol: 'grpc', server: 'topology-service:grpc', kept: 'cell-1/gitlab', fresh: 'cell1Gitlab' },
  { protocol: 'tcp', server: 'cell-1/valkey', kept: 'cell-1/gitlab', fresh: 'cell1Gitlab' },
];

export const protocolNames: Readonly<Record<LoadProtocol, string>> = {
  http1: 'HTTP/1.1',
  http2: 'HTTP/2',
  grpc: 'gRPC',
  tcp: 'TCP',
};

export function loadPlan(world: World, { concurrency, pauseMs }: Omit<LoadPlan, 'lanes'>): LoadPlan {
  return {
    concurrency,
    pauseMs,
    lanes: lanes.map(
      ({ protocol, server, kept, fresh }): LanePlan => ({
        protocol,
        kept: { address: world.outbound(kept, server), caller: world.spiffeId(kept) },
        fresh: {
          address: world.inbound(server),
          caller: world.clients[fresh].spiffeId,
          expect: world.spiffeId(server),
          material: world.clients[fresh].material(),
        },
      }),
    ),
  };
}
