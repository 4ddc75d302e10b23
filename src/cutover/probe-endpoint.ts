// What answers at an endpoint that documents name: a proxy of the service that requires a certificate, or something else. Tries a TLS
// handshake without a certificate; if the service's own proxy does not answer that, a greeting in plaintext that requests nothing (`OPTIONS
// *`, HTTP/2's SETTINGS; on TCP not a single byte). Whatever is not certain counts as open.
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import type { Protocol } from '../policy/ir.ts';

export type EndpointAnswer =
  /** The service's own proxy, which requires certificates. */
  | 'mtls'
  /** The service's own proxy, which also accepts callers without a certificate. */
  | 'own-tls'
  /** Somebody else's TLS, which accepts callers without a certificate. */
  | 'tls'
  /** Somebody else's TLS, which refuses them. */
  | 'other-mtls'
  | 'plaintext'
  /** A connection, but no TLS. */
  | 'silent'
  /** No connection. */
  | 'nothing';

export interface ProbedEndpoint {
  readonly address: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** Its proxy answers probes of a health path in plaintext, by design. */
  readonly health: boolean;
}

export interface ProbeEndpointDeps {
  /** Whether a chain (PEM, leaf first) is a valid certificate of the service. */
  readonly isOwn: (chain: string) => boolean;
  /** The server name that the probe sends, by which the record of traffic recognises it. */
  readonly serverName: string;
  /** The same for plaintext: the port that it comes from. */
  readonly onPlaintext: (port: number) => void;
}

const connectMs = 1000;
const answerMs = 700;
const maxChain = 4;

export async function probeEndpoint(
  { address, port, protocol, health }: ProbedEndpoint,
  { isOwn, serverName, onPlaintext }: ProbeEndpointDeps,
): Promise<EndpointAnswer> {
  const tls = await tryTls({ host: address, port, serverName });
  if (tls.kind === 'nothing') return 'nothing';
  if (tls.kind === 'words') return 'plaintext';
  const own = tls.kind === 'spoken' && isOwn(tls.chain);
  if (own && !tls.refused) return 'own-tls';
  if (own && health) return 'mtls';
  // Some accept both on one port.
  const said = await tryPlaintext({ host: address, port }, greetings[protocol], onPlaintext);
  if (tls.kind === 'closed') return said.length > 0 ? 'plaintext' : 'silent';
  // TLS servers report that to plaintext callers in plaintext: this is not a service.
  if (speaks(protocol, said)) return 'plaintext';
  if (own) return 'mtls';
  return tls.kind === 'spoken' && !tls.refused ? 'tls' : 'other-mtls';
}

type TlsAnswer =
  | { readonly kind: 'nothing' | 'closed' }
  /** Something that is not TLS. */
  | { readonly kind: 'words' }
  /** TLS that ends before the peer identifies itself. */
  | { readonly kind: 'alert' }
  | { readonly kind: 'spoken'; readonly chain: string; readonly refused: boolean };

interface Place {
  readonly host: string;
  readonly port: number;
}

function tryTls({ host, port, serverName }: Place & { readonly serverName: string }): Promise<TlsAnswer> {
  return new Promise((resolve) => {
    // The peer's identity is checked below; nothing is sent.
    const options = { host, port, servername: serverName, rejectUnauthorized: false, minVersion: 'TLSv1.2' } as const;
    const socket = connectTls(options);
    let connected = false;
    let chain: string | undefined;
    const end = (answer: TlsAnswer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const spoken = (refused: boolean): void => end({ kind: 'spoken', chain: chain ?? '', refused });
    const over = (): void => {
      if (chain !== undefined) spoken(true);
      else end({ kind: connected ? 'closed' : 'nothing' });
    };
    let timer = setTimeout(() => end({ kind: connected ? 'closed' : 'nothing' }), connectMs);
    socket.on('connect', () => {
      connected = true;
      clearTimeout(timer);
      timer = setTimeout(() => end({ kind: 'closed' }), answerMs);
    });
    socket.on('secureConnect', () => {
      chain = chainOf(socket);
      clearTimeout(timer);
      // In TLS 1.3, a server that requires a certificate says so only after the handshake.
      timer = setTimeout(() => spoken(false), answerMs);
    });
    socket.on('data', () => spoken(false));
    socket.on('close', over);
    socket.on('error', (reason) => {
      const code = 'code' in reason ? String(reason.code) : '';
      if (chain !== undefined) spoken(true);
      else if (/_ALERT_/.test(code)) end({ kind: 'alert' });
      else if (/^ERR_SSL_/.test(code)) end({ kind: 'words' });
      else over();
    });
  });
}

function chainOf(socket: TLSSocket): string {
  const chain: string[] = [];
  let one: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // A root is its own issuer; without a certificate there is an empty object.
  while (one?.raw !== undefined && chain.length < maxChain) {
    chain.push(`-----BEGIN CERTIFICATE-----\n${one.raw.toString('base64')}\n-----END CERTIFICATE-----\n`);
    const issuer: DetailedPeerCertificate | undefined = one.issuerCertificate;
    one = issuer === one ? undefined : issuer;
  }
  return chain.join('');
}

/** The reply, as far as it arrives at once. */
function tryPlaintext(place: Place, greeting: Buffer, onPlaintext: (port: number) => void): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = connectTcp(place);
    const end = (said = Buffer.alloc(0)): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(said);
    };
    let timer = setTimeout(end, connectMs);
    socket.on('connect', () => {
      clearTimeout(timer);
      timer = setTimeout(end, answerMs);
      if (socket.localPort !== undefined) onPlaintext(socket.localPort);
      if (greeting.length > 0) socket.write(greeting);
    });
    socket.on('data', end);
    socket.on('close', () => end());
    socket.on('error', () => end());
  });
}

/** RFC 9110 §9.3.7 and RFC 9113 §3.4: they request nothing. */
const http1 = Buffer.from('OPTIONS * HTTP/1.1\r\nHost: cellwall-probe\r\nConnection: close\r\n\r\n');
const http2 = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
const greetings: Readonly<Record<Protocol, Buffer>> = { http1, http2, grpc: http2, tcp: Buffer.alloc(0) };

function speaks(protocol: Protocol, said: Buffer): boolean {
  if (protocol === 'http1') return /^HTTP\/1\.[01] (?!400)/.test(said.toString('latin1', 0, 16));
  // A SETTINGS frame on stream 0.
  if (protocol === 'http2' || protocol === 'grpc')
    return said.length >= 9 && said[3] === 4 && said.readUInt32BE(5) === 0;
  return said.length > 0;
}
