// gitaly: gRPC with a streaming method, and its sidechannel on the same port. It answers with the name of its storage, so that one
// cell's is told from another's.
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { echoMetadata } from './caller.ts';
import { grpcService } from './protos.ts';
import { echoYamux, magic } from './sidechannel.ts';
import { listen, type StandIn } from './stand-in.ts';

interface ListCommitsRequest {
  readonly limit: number;
}

export function startGitaly(storage: string): Promise<StandIn> {
  const grpc = new Server();
  const services: readonly (readonly [ServiceDefinition, UntypedServiceImplementation])[] = [
    [
      grpcService('gitaly.RepositoryService'),
      {
        RepositoryExists(call: ServerUnaryCall<object, object>, done: sendUnaryData<object>): void {
          call.sendMetadata(echoMetadata(call.metadata));
          done(null, { exists: true });
        },
      },
    ],
    [
      grpcService('gitaly.CommitService'),
      {
        ListCommits(call: ServerWritableStream<ListCommitsRequest, object>): void {
          call.sendMetadata(echoMetadata(call.metadata));
          const count = Math.min(Math.max(call.request.limit, 1), 1000);
          for (let i = 0; i < count; i += 1) {
            call.write({ ids: [createHash('sha1').update(`${storage} ${i}`).digest('hex')] });
          }
          call.end();
        },
      },
    ],
  ];
  for (const [definition, handlers] of services) grpc.addService(definition, handlers);
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  return listen(
    createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('readable', () => {
        const first: unknown = socket.read();
        if (!Buffer.isBuffer(first)) return socket.destroy();
        if (first.subarray(0, magic.length).equals(magic)) return echoYamux(socket, first.subarray(magic.length));
        socket.unshift(first);
        injector.injectConnection(socket);
      });
    }),
  );
}
