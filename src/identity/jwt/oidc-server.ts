// The documents for relying parties over HTTP, on a port of their own: two pages for anybody, and nothing else. With TLS, or behind a
// proxy of this host that has it. A connection carries one request.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { HostPort } from '../../lib/host-port.ts';
import { createHttpDoor } from '../../lib/http-door.ts';
import type { Redacted } from '../../lib/redacted.ts';
import type { Watchable } from '../../lib/watchable.ts';
import { keysMaxAgeS, type OidcDocuments, oidcPaths } from './oidc-documents.ts';

/** PEM. */
export interface OidcTls {
  readonly certificate: string;
  readonly key: Redacted<string>;
}

export interface OidcServer {
  /** Port 0 means a free one. */
  listen(address: HostPort): Promise<HostPort>;
  /** From the next handshake on. */
  rotate(tls: OidcTls): void;
  close(): Promise<void>;
}

export interface OidcServerOptions {
  readonly issuer: string;
  readonly documents: Pick<Watchable<OidcDocuments>, 'value'>;
  /** Absent: plain HTTP. */
  readonly tls?: OidcTls | undefined;
}

/** The configuration never changes while the process runs. */
const configurationMaxAgeS = 300;
const limits = {
  headersTimeout: 5000,
  requestTimeout: 5000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 8192,
} as const;

/** Pages are at the path of the issuer's URL, and also without it: a proxy in front may take it away. */
export function createOidcServer({ issuer, documents, tls }: OidcServerOptions): OidcServer {
  const prefix = new URL(issuer).pathname.replace(/\/$/, '');
  const pages = new Map<string, () => readonly [text: string, maxAgeS: number]>();
  for (const at of ['', prefix]) {
    pages.set(`${at}/${oidcPaths.configuration}`, () => [documents.value().configuration, configurationMaxAgeS]);
    pages.set(`${at}/${oidcPaths.keys}`, () => [documents.value().keys, keysMaxAgeS]);
  }
  const answer = (request: IncomingMessage, response: ServerResponse): ServerResponse => {
    const { method, url = '', socket } = request;
    // Nobody proves anything here, and a handshake costs more than an answer: each counts for its address. Without TLS a proxy of this host
    // asks for everybody.
    response.once('close', () => {
      door.settled(socket, secure === undefined && response.statusCode === 200 ? 'proven' : 'for nothing');
    });
    if (method !== 'GET' && method !== 'HEAD') return end(response, 405, { allow: 'GET, HEAD' });
    const page = pages.get(url.split('?')[0] ?? '');
    if (page === undefined) return end(response, 404, {});
    const [text, maxAge] = page();
    const headers = { 'content-type': 'application/json', 'cache-control': `public, max-age=${maxAge}` };
    return end(
      response,
      200,
      { ...headers, 'content-length': String(Buffer.byteLength(text)) },
      method === 'GET' ? text : '',
    );
  };
  const secure =
    tls === undefined ? undefined : createTlsServer({ ...limits, handshakeTimeout: 5000, ...pair(tls) }, answer);
  const server: Server = secure ?? createServer(limits, answer);
  server.on('clientError', (_, socket) => socket.destroy());
  const door = createHttpDoor(server);
  return {
    listen: door.listen,
    rotate: (next) => secure?.setSecureContext(pair(next)),
    close: door.close,
  };
}

function pair({ certificate, key }: OidcTls) {
  return { cert: certificate, key: key.reveal(), minVersion: 'TLSv1.2' } as const;
}

function end(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  text = '',
): ServerResponse {
  const safe = { 'x-content-type-options': 'nosniff', ...(status !== 200 && { 'content-length': '0' }) };
  return response.writeHead(status, { ...safe, ...headers }).end(text);
}
