// Reports Envoy's counters to the identity API, over mTLS with the proxy's SVID. They are read once the connection stands, so that
// the control plane knows a moment that was before: what the log had told by then, the counters must have.
import type { KeyObject } from 'node:crypto';
import { request } from 'node:https';
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import { uriSans } from '../identity/uri-sans.ts';
import { CellwallError } from '../lib/errors.ts';
import { trustDomainUriOf } from './client.ts';
import type { CountersReport } from './counters-report.ts';
import { identityPaths } from './identity-protocol.ts';

export interface CountersDelivery {
  readonly host: string;
  readonly port: number;
  readonly svid: { readonly chain: string; readonly key: KeyObject; readonly bundle: string };
  readonly timeoutMs: number;
  /** Called when the connection stands. */
  readonly read: () => Promise<CountersReport>;
}

/** Made once an SVID: made at every report, they would pile up outside the heap, where no collection is due. */
const contexts = new WeakMap<CountersDelivery['svid'], SecureContext>();

function contextOf(svid: CountersDelivery['svid']): SecureContext {
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

/** Throws where nobody took it: the server is away, is not the right one, is older, or does not know the proxy yet. */
export function deliverCounters({ host, port, svid, timeoutMs, read }: CountersDelivery): Promise<void> {
  const expected = `${trustDomainUriOf(svid.bundle)}/cellwall/server`;
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      outgoing.destroy();
      reject(new CellwallError('unavailable', `counters are not reported: ${cause.message}`, { cause }));
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
        path: identityPaths.counters,
        method: 'POST',
        signal: AbortSignal.timeout(timeoutMs),
        headers: { 'content-type': 'application/json', connection: 'close' },
      },
      (response) => {
        response.resume();
        response.on('error', fail);
        response.on('end', () => {
          if (response.statusCode === 204) resolve();
          else fail(new Error(`HTTP status ${response.statusCode ?? 0}`));
        });
      },
    );
    outgoing.on('error', fail);
    socket.once('secureConnect', () => {
      read().then((report) => outgoing.end(JSON.stringify(report)), fail);
    });
  });
}
