// A caller from outside, without any certificate: through the edge to the service behind it.
import { legacyPort, type World } from '../house/world.ts';
import { requestHttp1 } from '../wire/http1.ts';
import { failed, type Outcome } from '../wire/outcome.ts';
import { connectTls, secureContext } from '../wire/tls.ts';
import { applicationCall } from './application-call.ts';

export interface EdgeAnswer {
  readonly outcome: Outcome;
  /** Of the certificate that the edge shows; '' without a handshake. */
  readonly serial: string;
}

export async function callThroughEdge({ edge, clients }: Pick<World, 'edge' | 'clients'>): Promise<EdgeAnswer> {
  const call = applicationCall(legacyPort, edge.address);
  if (call.kind !== 'http1') throw new Error(`${legacyPort} does not speak HTTP/1.1`);
  try {
    const { socket, serial } = await connectTls({
      address: edge.address,
      expect: edge.spiffeId,
      context: secureContext({ ca: clients.httpRouter.material().ca }),
      alpn: ['http/1.1'],
    });
    try {
      return { outcome: await requestHttp1({ socket }, call), serial };
    } finally {
      socket.destroy();
    }
  } catch (reason) {
    return { outcome: failed(reason), serial: '' };
  }
}
