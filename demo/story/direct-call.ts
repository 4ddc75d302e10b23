// A call straight to a sidecar's port over TLS, by a client that has no sidecar of its own.
import type { World } from '../house/world.ts';
import type { Call } from '../services/protocol.ts';
import { requestGrpc } from '../wire/grpc.ts';
import { requestHttp1 } from '../wire/http1.ts';
import { openHttp2, requestHttp2 } from '../wire/http2.ts';
import { failed, type Outcome } from '../wire/outcome.ts';
import { connectTls, secureContext, type TlsMaterial } from '../wire/tls.ts';
import { pingValkey } from '../wire/valkey.ts';
import { applicationCall } from './application-call.ts';

const alpn: Readonly<Record<Call['kind'], readonly string[] | undefined>> = {
  http1: ['http/1.1'],
  http2: ['h2'],
  grpc: ['h2'],
  sidechannel: undefined,
  upload: ['http/1.1'],
  valkey: undefined,
};

/** On a new connection. Unless told otherwise, the call that clients of that service make. */
export async function callDirectly(
  world: Pick<World, 'inbound' | 'spiffeId'>,
  service: string,
  material: TlsMaterial,
  call: Call = applicationCall(service, world.inbound(service)),
): Promise<Outcome> {
  const protocols = alpn[call.kind];
  try {
    const { socket } = await connectTls({
      address: world.inbound(service),
      expect: world.spiffeId(service),
      context: secureContext(material),
      ...(protocols === undefined ? {} : { alpn: protocols }),
    });
    try {
      switch (call.kind) {
        case 'http1':
          return await requestHttp1({ socket }, call);
        case 'http2':
          return await requestHttp2(openHttp2({ socket }), call.method, call.path);
        case 'grpc':
          return await requestGrpc(openHttp2({ socket }), call.method, call.request);
        case 'sidechannel':
        case 'upload':
          throw new Error(`a ${call.kind} goes through a sidecar here`);
        case 'valkey':
          return await pingValkey(socket);
        default:
          return call satisfies never;
      }
    } finally {
      socket.destroy();
    }
  } catch (reason) {
    return failed(reason);
  }
}
