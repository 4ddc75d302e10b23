// The identity API's port: HTTPS with the control plane's own SVID, behind a front door that limits silent connections. Each connection
// carries one request: waiting for another one would occupy resources.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { ServerSvid } from '../identity/server-svid.ts';
import type { Svid } from '../identity/svid.ts';
import { CellwallError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import { createHttpDoor } from '../lib/http-door.ts';
import type { Log } from '../lib/log.ts';
import { openWay, type RightOfWay } from '../lib/right-of-way.ts';

export interface IdentityServer {
  /** Listens on `host:port`; port 0 means a free one. */
  listen(address: { readonly host: string; readonly port: number }): Promise<HostPort>;
  close(): Promise<void>;
}

export interface IdentityServerOptions {
  readonly own: ServerSvid;
  readonly log: Log;
  readonly maxConnections: number;
  readonly way?: Pick<RightOfWay, 'waitMs'> | undefined;
  /** Every connection, before its handshake. */
  readonly opened: (socket: Socket) => void;
  /**
   * Never rejects. A connection answered with an error counts as unproven. `settled`: the peer proved its identity, and its answer may take
   * time.
   */
  readonly answer: (request: IncomingMessage, response: ServerResponse, settled: () => void) => Promise<void>;
}

/** TLS 1.3. Client certificates are requested and not verified here. */
export function createIdentityServer({
  own,
  log,
  maxConnections,
  way = openWay,
  opened,
  answer,
}: IdentityServerOptions): IdentityServer {
  const http = createServer(
    {
      ...credentials(own.current()),
      minVersion: 'TLSv1.3',
      // Requested but not required: whoever has none yet comes to get one. A presented certificate is verified where it matters.
      requestCert: true,
      rejectUnauthorized: false,
      ca: [],
      headersTimeout: 5000,
      requestTimeout: 10_000,
      keepAliveTimeout: 1000,
      connectionsCheckingInterval: 1000,
      handshakeTimeout: 5000,
      maxHeaderSize: 16_384,
    },
    (request, response) => {
      const { socket } = request;
      response.once('close', () => door.settled(socket, response.statusCode < 400 ? 'proven' : 'for nothing'));
      void answer(request, response, () => door.settled(socket, 'proven'));
    },
  );
  const door = createHttpDoor(http, { way, maxConnections });
  http.on('connection', opened);
  http.on('tlsClientError', (reason) => log.debug({ reason: reason.message }, 'TLS handshake failed'));
  const unwatch = own.watch((svid) => http.setSecureContext({ ...credentials(svid), ca: [], minVersion: 'TLSv1.3' }));
  return {
    listen: door.listen,
    async close() {
      unwatch();
      await door.close();
    },
  };
}

function credentials({ chain, key }: Svid): { readonly cert: string; readonly key: string } {
  if (key === undefined) throw new CellwallError('internal', 'the server certificate came without its key');
  return { cert: chain, key: key.reveal() };
}
