// gRPC underneath the xDS server; the one file of this room that knows grpc-js. Requests come and responses go as bytes.
import * as grpc from '@grpc/grpc-js';
import { systemClock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import { grpcStatus } from '../../lib/grpc-status.ts';
import type { Log } from '../../lib/log.ts';
import type { RightOfWay } from '../../lib/right-of-way.ts';
import { framePrefix } from '../protocol/response.ts';
import type { VariantName } from '../protocol/variant.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import { digestOf, openEntrance, type TlsMaterial } from './entrance.ts';
import type { StreamPeer } from './node.ts';
import type { XdsServer } from './server.ts';
import { discoveryServices } from './services.ts';
import type { StreamTransport } from './transport.ts';

/** Another service on the same port, as the access log's. */
export interface GrpcService {
  readonly definition: grpc.ServiceDefinition;
  readonly implementation: grpc.UntypedServiceImplementation;
}

export interface ListenOptions {
  readonly server: XdsServer;
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  /** Without it the port is plaintext and its peers have no certificate: for tests. */
  readonly tls?: TlsMaterial;
  readonly services?: readonly GrpcService[];
  readonly log: Log;
  /** After about this long a connection is renewed, so that its certificate is checked again. Default half an hour. */
  readonly connectionAgeMs?: number;
  /** Who has not proved who it is by then is cut off; Node's own default is two minutes. */
  readonly handshakeMs?: number;
  /** Whose host a verified certificate is. Default: each is a host of its own. */
  readonly hostOf?: (certificate: Uint8Array) => string;
  readonly way?: Pick<RightOfWay, 'waitMs'>;
}

export interface GrpcListener {
  readonly port: number;
  /** For connections from now on; those that are open live on. */
  rotate(tls: TlsMaterial): void;
  /** GOAWAY, then the end of all streams spread over `spreadMs`, then whatever is left is cut. */
  close(spreadMs?: number): Promise<void>;
}

/** How long the rest of a stop may take before connections are cut. */
const shutdownMs = 2000;

export async function listenGrpc(options: ListenOptions): Promise<GrpcListener> {
  const { server, address, tls, services = [], log, connectionAgeMs = 30 * 60_000, handshakeMs = 10_000 } = options;
  const { hostOf = digestOf } = options;
  const listener = new grpc.Server({
    'grpc.max_receive_message_length': server.limits.requestBytes,
    'grpc.max_send_message_length': -1,
    // A peer that is gone without a word is noticed within half a minute.
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.max_connection_age_ms': connectionAgeMs,
    'grpc.max_connection_age_grace_ms': 5000,
    // Envoy's connections have a stream each; what has none is closed.
    'grpc.max_connection_idle_ms': 60_000,
    'grpc.max_concurrent_streams': 256,
  });
  // TLS is the entrance's; what comes from there has ended its handshake.
  const injector = listener.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  for (const { name, methods, only } of discoveryServices) {
    const definition: Record<string, grpc.MethodDefinition<Buffer, Buffer>> = {};
    const implementation: grpc.UntypedServiceImplementation = {};
    for (const [method, variant] of methods) {
      definition[method] = bytesMethod(`/${name}/${method}`);
      implementation[method] = (call: grpc.ServerDuplexStream<Buffer, Buffer>) => serve(call, server, variant, only);
    }
    listener.addService(definition, implementation);
  }
  for (const { definition, implementation } of services) listener.addService(definition, implementation);
  const entrance = await openEntrance({
    address,
    tls,
    handshakeMs,
    maxOfCertificate: server.limits.connectionsOfCertificate,
    streamPace: server.limits.streamPace,
    hostOf,
    log,
    way: options.way,
    take: (socket) => injector.injectConnection(socket),
  });
  const { port } = entrance;
  log.info({ address, port, mtls: tls !== undefined }, 'xDS listens');
  return {
    port,
    rotate: entrance.rotate,
    async close(spreadMs = 0) {
      entrance.close();
      // Sends GOAWAY. Of connections that were handed to it, it does not wait for the streams: the entrance does.
      listener.tryShutdown(() => undefined);
      await server.close(spreadMs);
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, shutdownMs);
      });
      await Promise.race([entrance.closed(), limit]);
      clearTimeout(timer);
      listener.forceShutdown();
      await entrance.closed();
    },
  };
}

function bytesMethod(path: string): grpc.MethodDefinition<Buffer, Buffer> {
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

function serve(
  call: grpc.ServerDuplexStream<Buffer, Buffer>,
  server: XdsServer,
  variant: VariantName,
  only: TypeUrl | undefined,
): void {
  let ended = false;
  let cancelRest = (): void => {};
  const transport: StreamTransport = {
    peer: peerOf(call),
    // grpc-js calls back once HTTP/2 flow control took the bytes.
    write: (frame, sent) => void call.write(frame.subarray(framePrefix), sent),
    rest(ms) {
      call.pause();
      cancelRest();
      cancelRest = systemClock.after(ms, () => call.resume());
    },
    end(error) {
      if (ended) return;
      ended = true;
      cancelRest();
      // The event is grpc-js's way to end a duplex call with a status of one's own.
      call.emit('error', grpcStatus(error));
    },
  };
  const stream = server.open(transport, variant, only);
  call.on('data', (bytes: Buffer) => stream.request(bytes));
  call.on('end', () => {
    stream.closed();
    if (!ended) call.end();
  });
  call.on('cancelled', () => stream.closed());
  call.on('close', () => stream.closed());
}

/** A service that answers questions, one at a time and as a stream of them. */
export interface QueryService<Request, Response> {
  readonly name: string;
  readonly unary: string;
  readonly stream: string;
  readonly decode: (bytes: Uint8Array) => Request;
  readonly encode: (response: Response) => Uint8Array;
  /** May throw a CellwallError. */
  readonly answer: (request: Request, peer: StreamPeer) => Response;
}

export function queryService<Request, Response>(query: QueryService<Request, Response>): GrpcService {
  const answer = (bytes: Buffer, call: Call): Buffer =>
    Buffer.from(query.encode(query.answer(read(bytes), peerOf(call))));
  const read = (bytes: Buffer): Request => {
    try {
      return query.decode(bytes);
    } catch (cause) {
      throw new CellwallError('invalid_argument', `not a request for ${query.name}`, { cause });
    }
  };
  return {
    definition: {
      [query.unary]: { ...bytesMethod(`/${query.name}/${query.unary}`), requestStream: false, responseStream: false },
      [query.stream]: bytesMethod(`/${query.name}/${query.stream}`),
    },
    implementation: {
      [query.unary]: (call: grpc.ServerUnaryCall<Buffer, Buffer>, reply: grpc.sendUnaryData<Buffer>) => {
        try {
          reply(null, answer(call.request, call));
        } catch (reason) {
          reply(grpcStatus(CellwallError.from(reason)));
        }
      },
      [query.stream]: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
        call.on('data', (bytes: Buffer) => {
          try {
            if (call.write(answer(bytes, call))) return;
            call.pause();
            call.once('drain', () => call.resume());
          } catch (reason) {
            call.emit('error', grpcStatus(CellwallError.from(reason)));
          }
        });
        call.on('end', () => call.end());
      },
    },
  };
}

type Call = Pick<grpc.ServerDuplexStream<Buffer, Buffer>, 'getAuthContext' | 'getPeer'>;

function peerOf(call: Call): StreamPeer {
  const certificate = call.getAuthContext().sslPeerCertificate?.raw;
  // "address:port", where an IPv6 address has colons of its own and may be an IPv4 one in disguise.
  const address = call
    .getPeer()
    .replace(/:\d+$/, '')
    .replace(/^::ffff:(?=\d+\.)/, '');
  return certificate === undefined ? { address } : { address, certificate };
}
