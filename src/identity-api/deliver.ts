// Reports something about a proxy to the identity API, over mTLS with its SVID.
import { request } from 'node:https';
import { CellwallError } from '../lib/errors.ts';
import { errorOf, isWrongServer } from './client.ts';
import { type identityPaths, maxBodyBytes } from './identity-protocol.ts';
import { connectAs, type OwnSvid } from './svid-connection.ts';

export interface Delivery {
  readonly host: string;
  readonly port: number;
  readonly svid: OwnSvid;
  readonly timeoutMs: number;
  readonly path: (typeof identityPaths)[
    | 'counters'
    | 'leave'
    | 'hello'
    | 'application'
    | 'ports'
    | 'hears'
    | 'ended'
    | 'logLevels'
    | 'followReport'];
  /** Called when the connection is open. */
  readonly body: () => Promise<object>;
  /** Aborts. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Throws the server's error: `failed_precondition` if the documents no longer contain this identity, or this host was evicted,
 * `permission_denied` and `already_exists` if somebody else is this proxy; `unauthenticated` if the server is not the right one;
 * `unavailable` if nobody accepted it: the server is down, or does not know the proxy yet.
 */
export function deliver({ host, port, svid, timeoutMs, path, body, signal }: Delivery): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      outgoing.destroy();
      const code = isWrongServer(cause) ? 'unauthenticated' : 'unavailable';
      reject(new CellwallError(code, `not delivered to the control plane: ${cause.message}`, { cause }));
    };
    const socket = connectAs(svid, { host, port });
    const outgoing = request(
      {
        createConnection: () => socket,
        host,
        port,
        path,
        method: 'POST',
        signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]),
        headers: { 'content-type': 'application/json', connection: 'close' },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size <= maxBodyBytes) chunks.push(chunk);
        });
        response.on('error', fail);
        response.on('end', () => {
          if (response.statusCode === 204) resolve();
          else reject(errorOf(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')));
        });
      },
    );
    outgoing.on('error', fail);
    socket.once('secureConnect', () => {
      body().then((told) => outgoing.end(JSON.stringify(told)), fail);
    });
  });
}
