// gRPC by grpc-js; the only file of this room that knows it. Used if our own transport is not wanted.
import * as grpc from '@grpc/grpc-js';
import { CellwallError } from '../../lib/errors.ts';
import { framePrefix, type GrpcCall, type GrpcHandler, type GrpcMethods, type GrpcPeer } from '../../lib/grpc-call.ts';
import { grpcStatus } from '../../lib/grpc-status.ts';
import type { GrpcTransport, GrpcTransportOptions } from './grpc-transport.ts';

export function createGrpcJsTransport(options: GrpcTransportOptions): GrpcTransport {
  const server = new grpc.Server({
    'grpc.max_receive_message_length': options.messageBytes,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': options.keepaliveMs,
    'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.max_connection_age_ms': options.ageMs,
    'grpc.max_connection_age_grace_ms': options.ageGraceMs,
    'grpc.max_connection_idle_ms': options.idleMs,
    'grpc.max_concurrent_streams': options.calls,
  });
  const peers = new Map<string, Uint8Array>();
  // TLS is handled by the entrance; connections from there have finished their handshake.
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  addGrpcJsMethods(server, options.methods, (name) => peers.get(name));
  return {
    take(socket, certificate) {
      const name = `${socket.remoteAddress}:${socket.remotePort}`;
      if (certificate !== undefined) {
        peers.set(name, certificate);
        socket.once('close', () => peers.delete(name));
      }
      injector.injectConnection(socket);
    },
    // Sends GOAWAY. For connections that were passed to it, it does not wait for the calls.
    goAway: () => server.tryShutdown(() => undefined),
    destroy: () => server.forceShutdown(),
  };
}

/** `certificateOf`: of a connection by `address:port`. */
export function addGrpcJsMethods(
  server: grpc.Server,
  methods: GrpcMethods,
  certificateOf: (name: string) => Uint8Array | undefined,
): void {
  const same = (bytes: Buffer): Buffer => bytes;
  for (const [path, open] of methods) {
    const both = { requestStream: true, responseStream: true };
    const bytes = {
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    server.addService(
      { [path]: { path, ...both, ...bytes } },
      {
        [path]: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => serve(call, open, certificateOf(call.getPeer())),
      },
    );
  }
}

function serve(
  call: grpc.ServerDuplexStream<Buffer, Buffer>,
  open: (call: GrpcCall) => GrpcHandler,
  certificate: Uint8Array | undefined,
): void {
  // "address:port", where an IPv6 address has colons of its own and may be an IPv4 one in disguise.
  const address = call
    .getPeer()
    .replace(/:\d+$/, '')
    .replace(/^::ffff:(?=\d+\.)/, '');
  const peer: GrpcPeer = certificate === undefined ? { address } : { address, certificate };
  let over = false;
  const own: GrpcCall = {
    peer,
    header: (name) => call.metadata.get(name)[0]?.toString(),
    // grpc-js calls back once HTTP/2 flow control took the bytes.
    write: (frame, sent) => void call.write(frame.subarray(framePrefix), sent ?? (() => undefined)),
    pause: () => void call.pause(),
    resume: () => void call.resume(),
    end(error) {
      if (over) return;
      over = true;
      if (error === undefined) call.end();
      // The event is grpc-js's way to end a duplex call with a status of one's own.
      else call.emit('error', grpcStatus(error));
    },
  };
  let handler: GrpcHandler | undefined;
  const guarded = (run: () => void): void => {
    if (over) return;
    try {
      run();
    } catch (reason) {
      own.end(CellwallError.from(reason));
    }
  };
  const cancelled = (why: 'left' | 'broken'): void => {
    if (over) return;
    over = true;
    handler?.cancelled(why);
  };
  guarded(() => {
    handler = open(own);
  });
  call.on('data', (bytes: Buffer) => guarded(() => handler?.message(bytes)));
  call.on('end', () => guarded(() => handler?.halfClosed()));
  call.on('cancelled', () => cancelled('left'));
  call.on('close', () => cancelled('left'));
  call.on('error', () => cancelled('broken'));
}
