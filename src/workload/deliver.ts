// Tells the identity API something of a proxy's own, over mTLS with its SVID.
import type { KeyObject } from 'node:crypto';
import { request } from 'node:https';
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import { uriSans } from '../identity/uri-sans.ts';
import { CellwallError } from '../lib/errors.ts';
import { httpStatus } from '../lib/http-status.ts';
import { trustDomainUriOf } from './client.ts';
import type { identityPaths } from './identity-protocol.ts';

export interface Delivery {
  readonly host: string;
  readonly port: number;
  readonly svid: { readonly chain: string; readonly key: KeyObject; readonly bundle: string };
  readonly timeoutMs: number;
  readonly path: (typeof identityPaths)['counters' | 'leave'];
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

/** Throws `failed_precondition` where the documents have this identity no more, `unavailable` where nobody took it: the server is away, is not the right one, is older, or does not know the proxy yet. */
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
        response.resume();
        response.on('error', fail);
        response.on('end', () => {
          if (response.statusCode === 204) resolve();
          else if (response.statusCode === httpStatus.failed_precondition)
            reject(new CellwallError('failed_precondition', 'the control plane knows this identity no more'));
          else fail(new Error(`HTTP status ${response.statusCode ?? 0}`));
        });
      },
    );
    outgoing.on('error', fail);
    socket.once('secureConnect', () => {
      body().then((told) => outgoing.end(JSON.stringify(told)), fail);
    });
  });
}
