// A service that answers queries, one at a time and as a stream.
import { CellwallError } from '../../lib/errors.ts';
import { frameOf, type GrpcCall, type GrpcHandler, type GrpcMethods } from '../../lib/grpc-call.ts';
import type { StreamPeer } from './node.ts';

export interface QueryService<Request, Response> {
  readonly name: string;
  readonly unary: string;
  readonly stream: string;
  readonly decode: (bytes: Uint8Array) => Request;
  readonly encode: (response: Response) => Uint8Array;
  /** May throw a CellwallError. */
  readonly answer: (request: Request, peer: StreamPeer) => Response;
}

/** A request that cannot be decoded is `invalid_argument`. */
export function queryMethods<Request, Response>(query: QueryService<Request, Response>): GrpcMethods {
  const read = (bytes: Buffer): Request => {
    try {
      return query.decode(bytes);
    } catch (cause) {
      throw new CellwallError('invalid_argument', `not a request for ${query.name}`, { cause });
    }
  };
  /** The next query is read once the answer was delivered. */
  const answering = (call: GrpcCall, sent: () => void): GrpcHandler => ({
    message(bytes) {
      call.pause();
      call.write(frameOf(query.encode(query.answer(read(bytes), call.peer))), sent);
    },
    halfClosed: () => call.end(),
    cancelled: () => undefined,
  });
  return new Map([
    [`/${query.name}/${query.unary}`, (call: GrpcCall) => answering(call, () => call.end())],
    [`/${query.name}/${query.stream}`, (call: GrpcCall) => answering(call, () => call.resume())],
  ]);
}
