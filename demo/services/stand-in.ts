// A server of the demo, on a loopback port of its own, in plaintext: none of them knows anything of TLS.
import type { AddressInfo, Server as NetServer } from 'node:net';
import {
  Server as GrpcServer,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

export interface StandIn {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens with a TCP, HTTP/1.1 or h2c server. */
export async function listen(server: NetServer): Promise<StandIn> {
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Serves gRPC services, given as definition and handlers. */
export async function serveGrpc(
  services: readonly (readonly [ServiceDefinition, UntypedServiceImplementation])[],
): Promise<StandIn> {
  const server = new GrpcServer();
  for (const [definition, handlers] of services) server.addService(definition, handlers);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return {
    port,
    close: async () => server.forceShutdown(),
  };
}
