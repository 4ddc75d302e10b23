// One call of Envoy's admin interface, without node:http: that would permanently cost every helper 8 MB, because this is done repeatedly.
// node:https is loaded anyway, and speaks plain HTTP over a connection that it is given.
import { request } from 'node:https';
import { connect } from 'node:net';
import { CellwallError } from '../../lib/errors.ts';
import type { AdminAddress } from './bootstrap.ts';

const maxBytes = 1_048_576;

/** The text of its answer. */
export function readStats(admin: AdminAddress, path: string, method: 'GET' | 'POST' = 'GET'): Promise<string> {
  const target = admin.kind === 'unix' ? { path: admin.path } : { host: admin.host, port: admin.port };
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(new CellwallError('unavailable', `Envoy's admin does not answer: ${cause.message}`, { cause }));
    const outgoing = request(
      {
        createConnection: () => connect(target),
        host: 'envoy',
        path,
        method,
        headers: { connection: 'close' },
        signal: AbortSignal.timeout(2000),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > maxBytes) outgoing.destroy(new Error('the answer is too large'));
        });
        response.on('error', fail);
        response.on('end', () => (response.statusCode === 200 ? resolve(text) : fail(new Error('not 200'))));
      },
    );
    outgoing.on('error', fail);
    outgoing.end();
  });
}
