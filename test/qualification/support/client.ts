// A TLS client with an SVID, as a service's caller has it: one request on one new connection.
import { request } from 'node:https';
import type { PeerCertificate } from 'node:tls';

export interface Credentials {
  readonly certificate: string;
  readonly key: string;
  readonly bundle: string;
}

export interface CallOptions {
  readonly port: number;
  readonly credentials: Credentials;
  /** The SPIFFE ID that the server must have. */
  readonly expect: string;
  readonly path?: string;
}

/** The status. Fails when there is no connection, no handshake, or another server. */
export function call({ port, credentials, expect, path = '/' }: CallOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path,
        agent: false,
        timeout: 2000,
        cert: credentials.certificate,
        key: credentials.key,
        ca: credentials.bundle,
        // SPIFFE: the identity is the URI SAN, not a host name.
        checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
          certificate.subjectaltname?.split(', ').includes(`URI:${expect}`) === true
            ? undefined
            : new Error(`not ${expect}`),
      },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
        response.on('error', reject);
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 2 s')));
    outgoing.on('error', reject);
    outgoing.end();
  });
}
