// Tells the identity API something of a proxy's own, over mTLS with its SVID.
import type { KeyObject } from 'node:crypto';
import { request } from 'node:https';
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import { uriSans } from '../identity/x509/uri-sans.ts';
import { CellwallError } from '../lib/errors.ts';
import { errorOf, trustDomainUriOf } from './client.ts';
import { type identityPaths, maxBodyBytes } from './identity-protocol.ts';

export interface Delivery {
  readonly host: string;
  readonly port: number;
  readonly svid: { readonly chain: string; readonly key: KeyObject; readonly bundle: string };
  readonly timeoutMs: number;
  readonly path: (typeof identityPaths)['counters' | 'leave' | 'hello' | 'application' | 'ports'];
  /** Called when the connection stands. */
  readonly body: () => Promise<object>;
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
}

/** Made once an SVID: made every time, they would pile up outside the heap, where no collection is due. */
const contexts = new WeakMap<Delivery['svid'], SecureContext>();

function contextOf(svid: Delivery['svid']): SecureContext {
  const known = contexts.get(svid);
  if (known !== undefined) return known;
  const { chain, key, bundle } = svid;
  const made = createSecureContext({
    ca: bundle,
    cert: chain,
    key: key.export({ format: 'pem', type: 'pkcs8' }),
    minVersion: 'TLSv1.3',
  });
  contexts.set(svid, made);
  return made;
}

/**
 * Throws what the server says against it: `failed_precondition` where the documents have this identity no more, or this host was evicted,
 * `permission_denied` and `already_exists` where another is this proxy; `unavailable` where nobody took it: it is away, is not the right
 * one, or does not know the proxy yet.
 */
export function deliver({ host, port, svid, timeoutMs, path, body, signal }: Delivery): Promise<void> {
  const expected = `${trustDomainUriOf(svid.bundle)}/cellwall/server`;
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      outgoing.destroy();
      reject(new CellwallError('unavailable', `not delivered to the control plane: ${cause.message}`, { cause }));
    };
    const socket = connect({
      host,
      port,
      secureContext: contextOf(svid),
      checkServerIdentity: (_name: string, { raw }: { readonly raw: Buffer }) => {
        const names = uriSans(raw);
        return names.length === 1 && names[0] === expected
          ? undefined
          : new CellwallError('unauthenticated', `the server is not ${expected}`);
      },
    });
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
