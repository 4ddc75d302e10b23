// Reports Envoy's counters to the identity API, over mTLS with the proxy's SVID. They are read once the connection stands, so that
// the control plane knows a moment that was before: what the log had told by then, the counters must have.
import type { KeyObject } from 'node:crypto';
import { request } from 'node:https';
import type { TLSSocket } from 'node:tls';
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

/** Throws where nobody took it: the server is away, is not the right one, is older, or does not know the proxy yet. */
export function deliverCounters({ host, port, svid, timeoutMs, read }: CountersDelivery): Promise<void> {
  const expected = `${trustDomainUriOf(svid.bundle)}/cellwall/server`;
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      outgoing.destroy();
      reject(new CellwallError('unavailable', `counters are not reported: ${cause.message}`, { cause }));
    };
    const outgoing = request(
      {
        host,
        port,
        path: identityPaths.counters,
        method: 'POST',
        agent: false,
        minVersion: 'TLSv1.3',
        ca: svid.bundle,
        cert: svid.chain,
        key: svid.key.export({ format: 'pem', type: 'pkcs8' }),
        signal: AbortSignal.timeout(timeoutMs),
        headers: { 'content-type': 'application/json' },
        checkServerIdentity: (_name: string, { raw }: { readonly raw: Buffer }) => {
          const names = uriSans(raw);
          return names.length === 1 && names[0] === expected
            ? undefined
            : new CellwallError('unauthenticated', `the server is not ${expected}`);
        },
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
    outgoing.once('socket', (socket) => {
      // Of https, always.
      (socket as TLSSocket).once('secureConnect', () => {
        read().then((report) => outgoing.end(JSON.stringify(report)), fail);
      });
    });
  });
}
