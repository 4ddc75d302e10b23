// The admin API beyond loopback: TLS 1.3 with a certificate, with the same front door as the identity API. A client certificate is
// requested but not required; if presented, it is verified for every request.
import { constants } from 'node:crypto';
import type { Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { createFrontDoor, type Settled } from '../lib/front-door.ts';
import type { HostPort } from '../lib/host-port.ts';
import type { Redacted } from '../lib/redacted.ts';

export interface TlsCredentials {
  /** PEM, leaf first. */
  readonly certificate: string;
  readonly key: Redacted<string>;
}

export interface TlsDoor {
  /** Returns the port. */
  listen(address: HostPort, credentials: TlsCredentials): Promise<number>;
  /** From the next handshake on. */
  rotate(credentials: TlsCredentials): void;
  /**
   * For a connection accepted here: the certificate and what leads to its root, PEM, as they were presented. Only possession of the key is
   * proved.
   */
  presented(socket: object): string | undefined;
  /** For a connection accepted here: whether it was worth its handshake. */
  settled(socket: Socket, as: Settled): void;
  close(): Promise<void>;
}

/** More than wait at the front door, which chooses whom it closes: here it is whoever comes last. */
const maxConnections = 4096;
const maxChain = 4;

export function createTlsDoor(http: HttpServer): TlsDoor {
  const presented = new WeakMap<object, string>();
  const options = ({ certificate, key }: TlsCredentials): TlsOptions => ({
    cert: certificate,
    key: key.reveal(),
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
    ca: [],
    // Every handshake presents the certificate again.
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
  let tls: ReturnType<typeof createTlsServer> | undefined;
  let server: Server | undefined;
  const open = new Set<Socket>();
  const door = createFrontDoor({ pass: (socket) => void tls?.emit('connection', socket) });
  return {
    async listen(address, credentials) {
      tls = createTlsServer({ ...options(credentials), handshakeTimeout: 5000 });
      tls.on('secureConnection', (socket) => {
        const chain = presentedChain(socket);
        if (chain !== '') presented.set(socket, chain);
        http.emit('connection', socket);
      });
      tls.on('tlsClientError', (_reason, socket) => {
        door.settled(socket, 'for nothing');
        socket.destroy();
      });
      const opened = createTcpServer((socket) => {
        open.add(socket);
        socket.once('close', () => open.delete(socket));
        door.welcome(socket);
      });
      opened.maxConnections = maxConnections;
      await new Promise<void>((resolve, reject) => {
        opened.once('error', reject);
        opened.listen(address, () => {
          opened.off('error', reject);
          resolve();
        });
      });
      server = opened;
      // A TCP server that listens has an AddressInfo.
      return (opened.address() as AddressInfo).port;
    },
    rotate: (credentials) => tls?.setSecureContext(options(credentials)),
    presented: (socket) => presented.get(socket),
    settled: door.settled,
    async close() {
      door.close();
      const closed = new Promise<void>((resolve) =>
        server === undefined ? resolve() : void server.close(() => resolve()),
      );
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** Node.js returns the chain only once: asked again, it knows only the leaf. */
function presentedChain(socket: TLSSocket): string {
  const pems: string[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate !== undefined && pems.length < maxChain) {
    pems.push(certificate.toString());
    certificate = certificate.issuerCertificate;
  }
  return pems.join('');
}
