// A TLS client of the demo, for callers that have no sidecar: its certificate, and the check of the server's SPIFFE ID.
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { deadlineMs } from './outcome.ts';

/** PEM. Without certificate and key: a client that only knows whom to trust. */
export interface TlsMaterial {
  readonly ca: string;
  readonly certificate?: string;
  readonly key?: string;
  /** An old client: it speaks nothing newer. Default: nothing older than TLS 1.3. */
  readonly version?: 'TLSv1.2';
}

export function secureContext({ ca, certificate, key, version }: TlsMaterial): SecureContext {
  return createSecureContext({
    ca,
    ...(version === undefined ? { minVersion: 'TLSv1.3' } : { minVersion: version, maxVersion: version }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
  });
}

export interface TlsTarget {
  /** host:port */
  readonly address: string;
  /** The only SPIFFE ID that will do. */
  readonly expect: string;
  readonly context: SecureContext;
  readonly alpn?: readonly string[];
}

export interface TlsConnection {
  readonly socket: TLSSocket;
  /** Of the server's certificate, lower-case hex without leading zeros. */
  readonly serial: string;
}

/** A new connection, the server verified. */
export function connectTls({ address, expect, context, alpn }: TlsTarget): Promise<TlsConnection> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    let serial = '';
    const socket = connect({
      host,
      port: Number(port),
      secureContext: context,
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
      checkServerIdentity: (_host, { subjectaltname, serialNumber }) => {
        serial = serialNumber.toLowerCase().replace(/^0+/, '');
        if (subjectaltname?.split(', ').includes(`URI:${expect}`) === true) return undefined;
        return new Error(`the server is ${subjectaltname ?? 'nobody'}, not ${expect}`);
      },
    });
    const timer = setTimeout(() => socket.destroy(new Error(`no handshake in ${deadlineMs} ms`)), deadlineMs);
    const fail = (reason: Error): void => {
      clearTimeout(timer);
      reject(reason);
    };
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('closed in the handshake')));
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      // Whoever uses the connection listens for itself; without this a late reset would end the process.
      socket.on('error', () => socket.destroy());
      resolve({ socket, serial });
    });
  });
}
