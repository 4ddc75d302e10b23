// The bundle endpoint of this trust domain (SPIFFE Federation §5): the same public text for whoever asks, over TLS; nothing is read from a
// request but its method and path. Nobody proves anything here: each address gets a burst of connections, and then one now and then.
import { createServer } from 'node:https';
import { CellwallError } from '../../lib/errors.ts';
import type { HostPort } from '../../lib/host-port.ts';
import { createHttpDoor } from '../../lib/http-door.ts';
import type { Log } from '../../lib/log.ts';
import type { Redacted } from '../../lib/redacted.ts';

export interface EndpointCredentials {
  /** PEM, leaf first. */
  readonly certificate: string;
  readonly key: Redacted<string>;
}

export interface BundleEndpoint {
  readonly address: HostPort;
  /** From the next handshake on. */
  rotate(credentials: EndpointCredentials): void;
  close(): Promise<void>;
}

export interface BundleEndpointDeps {
  readonly address: HostPort;
  readonly credentials: EndpointCredentials;
  readonly body: () => Promise<string>;
  readonly log: Log;
}

/** Rejects if it cannot listen there. */
export async function openBundleEndpoint({
  address,
  credentials,
  body,
  log,
}: BundleEndpointDeps): Promise<BundleEndpoint> {
  const tls = ({ certificate, key }: EndpointCredentials) =>
    ({ cert: certificate, key: key.reveal(), minVersion: 'TLSv1.2' }) as const;
  const server = createServer(
    {
      ...tls(credentials),
      ...{
        handshakeTimeout: 5000,
        headersTimeout: 5000,
        requestTimeout: 5000,
        keepAliveTimeout: 1000,
        maxHeaderSize: 8192,
      },
    },
    (request, response) => {
      const { socket } = request;
      response.once('close', () => door.settled(socket, 'for nothing'));
      const answer = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): void => {
        response.writeHead(status, { 'content-length': Buffer.byteLength(text), connection: 'close', ...headers });
        response.end(request.method === 'HEAD' ? undefined : text);
      };
      if (request.url !== '/') return answer(404, 'the bundle is at /\n');
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return answer(405, 'GET only\n', { allow: 'GET, HEAD' });
      body().then(
        (text) => answer(200, text, { 'content-type': 'application/json' }),
        (reason: unknown) => {
          log.warn({ reason: CellwallError.from(reason).message }, 'the bundle endpoint has nothing to answer');
          answer(503, 'not now\n');
        },
      );
    },
  );
  const door = createHttpDoor(server);
  const { port } = await door.listen(address);
  return {
    address: { host: address.host, port },
    rotate: (next) => server.setSecureContext(tls(next)),
    close: door.close,
  };
}
