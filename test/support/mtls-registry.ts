// A registry over mTLS, as npm and Docker speak to one: it serves a package, and the version of Docker's API, to whoever has a
// certificate of the trust domain. It keeps who asked for what.
import { createHash } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';

export interface MtlsRegistry {
  readonly port: number;
  /** Identity and path of each request. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

export interface MtlsRegistryOptions {
  readonly certificate: string;
  readonly key: string;
  /** PEM of the roots that callers' certificates must have. */
  readonly roots: string;
  /** An npm package as `npm pack` makes it. */
  readonly tarball: { readonly name: string; readonly version: string; readonly bytes: Buffer };
}

export async function startMtlsRegistry({
  certificate,
  key,
  roots,
  tarball,
}: MtlsRegistryOptions): Promise<MtlsRegistry> {
  const { name, version, bytes } = tarball;
  const asked: string[] = [];
  const options = { cert: certificate, key, ca: roots, requestCert: true, rejectUnauthorized: true };
  const server = createServer(options, ({ url = '', socket }, response) => {
    const names = socket instanceof TLSSocket ? (socket.getPeerX509Certificate()?.subjectAltName ?? '') : '';
    asked.push(`${/URI:(\S+?)(?:,|$)/.exec(names)?.[1] ?? 'nobody'} ${url}`);
    if (url === '/v2/') {
      response.writeHead(200, { 'docker-distribution-api-version': 'registry/2.0' }).end('{}');
      return;
    }
    if (url === `/${name}`) {
      const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
      const dist = { tarball: `https://localhost:${at()}/${name}/-/${name}-${version}.tgz`, integrity };
      const found = { name, 'dist-tags': { latest: version }, versions: { [version]: { name, version, dist } } };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found));
      return;
    }
    if (url.endsWith('.tgz')) response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(bytes);
    else response.writeHead(404).end('{}');
  });
  server.on('tlsClientError', () => undefined);
  // A server that listens on TCP has an AddressInfo.
  const at = (): number => (server.address() as AddressInfo).port;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: at(),
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
