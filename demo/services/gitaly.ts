// gitaly: gRPC with a streaming method; it answers with the name of its storage, so that one cell's is told from another's.
import { createHash } from 'node:crypto';
import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { echoMetadata } from './caller.ts';
import { grpcService } from './protos.ts';
import { type StandIn, serveGrpc } from './stand-in.ts';

interface ListCommitsRequest {
  readonly limit: number;
}

export function startGitaly(storage: string): Promise<StandIn> {
  return serveGrpc([
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
  ]);
}
