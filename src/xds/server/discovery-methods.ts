// The discovery services as methods of a gRPC port: each call is a stream of the server.
import { systemClock } from '../../lib/clock.ts';
import type { GrpcCall, GrpcHandler, GrpcMethods } from '../../lib/grpc-call.ts';
import type { VariantName } from '../protocol/variant.ts';
import type { TypeUrl } from '../resources/type-url.ts';
import type { XdsServer } from './server.ts';
import { discoveryServices } from './services.ts';
import type { StreamTransport } from './transport.ts';

/** By path (`/envoy.service…/Stream…`). */
export function discoveryMethods(server: Pick<XdsServer, 'open'>): GrpcMethods {
  return new Map(
    discoveryServices.flatMap(({ name, methods, only }) =>
      methods.map(([method, variant]) => [`/${name}/${method}`, (call) => serve(call, server, variant, only)] as const),
    ),
  );
}

function serve(
  call: GrpcCall,
  server: Pick<XdsServer, 'open'>,
  variant: VariantName,
  only: TypeUrl | undefined,
): GrpcHandler {
  let cancelRest = (): void => {};
  const transport: StreamTransport = {
    peer: call.peer,
    write: call.write,
    rest(ms) {
      call.pause();
      cancelRest();
      cancelRest = systemClock.after(ms, call.resume);
    },
    end(error) {
      cancelRest();
      call.end(error);
    },
  };
  const stream = server.open(transport, variant, only);
  return {
    message: (bytes) => stream.request(bytes),
    halfClosed() {
      cancelRest();
      stream.closed();
      call.end();
    },
    cancelled() {
      cancelRest();
      stream.closed();
    },
  };
}
