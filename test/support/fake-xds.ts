// A TLS server that asks for a client certificate, in place of the xDS port: tells which SVIDs connected.
import type { X509Certificate } from 'node:crypto';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Svid } from '../../src/identity/svid.ts';

export interface FakeXds {
  readonly port: number;
  /** Leaf certificates of the clients, in order, with the paths that they asked for. */
  readonly clients: readonly { readonly leaf: X509Certificate; readonly path: string }[];
  /** Ends every session, so that clients connect again. */
  disconnect(): void;
  close(): Promise<void>;
}

export async function createFakeXds(server: Svid, bundle: string, port = 0): Promise<FakeXds> {
  const clients: { leaf: X509Certificate; path: string }[] = [];
  const http = createSecureServer({
    cert: server.chain,
    key: server.key?.reveal() ?? '',
    ca: bundle,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['h2'],
  });
  const sessions = new Set<{ destroy(): void }>();
  http.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => {});
    const leaf = session.socket instanceof TLSSocket ? session.socket.getPeerX509Certificate() : undefined;
    session.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      if (leaf !== undefined) clients.push({ leaf, path: String(headers[':path']) });
    });
  });
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
  const disconnect = (): void => {
    for (const session of sessions) session.destroy();
  };
  return {
    // A TCP server that listens has an AddressInfo.
    port: (http.address() as AddressInfo).port,
    clients,
    disconnect,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        disconnect();
      }),
  };
}
