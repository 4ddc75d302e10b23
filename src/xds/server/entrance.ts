// The port of the stream server: mutual TLS 1.3, whose certificate and roots can be replaced while it listens. The numbers of concurrent
// handshakes, and of connections of one certificate, are limited.
import { constants, createHash } from 'node:crypto';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type SecureContextOptions } from 'node:tls';
import { systemClock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import { createFrontDoor } from '../../lib/front-door.ts';
import type { Log } from '../../lib/log.ts';
import type { Redacted } from '../../lib/redacted.ts';
import { openWay, type RightOfWay } from '../../lib/right-of-way.ts';
import { createStreamPace } from './stream-pace.ts';

/** The server's certificate and trusted roots, PEM. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly key: Redacted<string>;
  /** Client certificates must chain to one of these. */
  readonly roots: string;
}

export interface EntranceOptions {
  /** `host:port`. */
  readonly address: string;
  /** Absent: plaintext, for tests. */
  readonly tls: TlsMaterial | undefined;
  readonly handshakeMs: number;
  /** Maximum number of connections with one certificate. */
  readonly maxOfCertificate: number;
  /** How often a host may open a stream or a connection. */
  readonly streamPace: { readonly burst: number; readonly everyMs: number };
  /** Which host a verified certificate belongs to; a host with a new certificate is the same host. */
  readonly hostOf: (certificate: Uint8Array) => string;
  readonly log: Log;
  readonly way?: Pick<RightOfWay, 'waitMs'> | undefined;
  /** Takes a connection that has ended its handshake, with its verified certificate, DER; `admit` is asked before each stream of it. */
  readonly take: (socket: Socket, certificate: Uint8Array | undefined, admit: () => boolean) => void;
}

export interface Entrance {
  readonly port: number;
  /** For connections from now on; open ones stay. */
  rotate(tls: TlsMaterial): void;
  /** Accepts no more connections. */
  close(): void;
  /** Resolves once the port is free. */
  closed(): Promise<void>;
}

/** Rejects with `unavailable` if the address cannot be used. */
/** Of a fleet that comes back at once, those beyond it would be heard again only a second later: the kernel drops their first packets. */
const backlog = 4096;

export async function openEntrance(options: EntranceOptions): Promise<Entrance> {
  const { address, tls, handshakeMs, maxOfCertificate, streamPace, hostOf, log, way = openWay, take } = options;
  const pace = createStreamPace({
    ...streamPace,
    clock: systemClock,
    onEnded: (peer) => log.warn({ peer }, 'a connection is closed: its host opens too many streams'),
  });
  const connections = new Map<string, number>();
  const secure = createTlsServer({
    ...(tls === undefined ? {} : contextOf(tls)),
    // A list would be copied for each connection, into a pool of which it would keep 64 KiB alive.
    ALPNCallback: ({ protocols }) => (protocols.includes('h2') ? 'h2' : undefined),
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: handshakeMs,
  });
  secure.on('tlsClientError', (reason, socket) => {
    log.debug({ reason: reason.message }, 'TLS handshake failed');
    socket.destroy();
  });
  secure.on('secureConnection', (socket) => {
    door.settled(socket);
    socket.on('error', () => undefined);
    const { raw } = socket.getPeerX509Certificate() ?? {};
    const who = raw === undefined ? '' : digestOf(raw);
    if (raw !== undefined && !pace.admit(socket, hostOf(raw))) {
      socket.destroy();
      return;
    }
    const count = (connections.get(who) ?? 0) + 1;
    if (count > maxOfCertificate) {
      log.warn({ peer: socket.remoteAddress }, 'a connection is refused: its certificate has too many');
      socket.destroy();
      return;
    }
    connections.set(who, count);
    socket.once('close', () => {
      const left = (connections.get(who) ?? 1) - 1;
      if (left > 0) connections.set(who, left);
      else connections.delete(who);
    });
    take(socket, raw, () => pace.stream(socket));
  });
  const door = createFrontDoor({
    way,
    helloMs: Math.min(handshakeMs, 5000),
    settleMs: handshakeMs,
    pass(socket) {
      if (tls !== undefined) secure.emit('connection', socket);
      else {
        door.settled(socket);
        take(socket, undefined, () => true);
      }
    },
  });
  // A frame behind another would wait for its acknowledgement, which peers hold back for 40 ms.
  const server = createServer({ noDelay: true }, (socket) => door.welcome(socket));
  const cut = address.lastIndexOf(':');
  const host = address.slice(0, cut).replace(/^\[|\]$/g, '');
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new CellwallError('unavailable', `cannot listen on ${address}: ${cause.message}`, { cause })),
    );
    // A TCP server that listens has an AddressInfo.
    server.listen({ host, port: Number(address.slice(cut + 1)), backlog }, () =>
      resolve((server.address() as AddressInfo).port),
    );
  });
  let closed: Promise<void> = Promise.resolve();
  return {
    port,
    rotate: (fresh) => secure.setSecureContext(contextOf(fresh)),
    close() {
      closed = new Promise((resolve) => server.close(() => resolve()));
      pace.close();
      door.close();
    },
    closed: () => closed,
  };
}

/** A name for a certificate. */
export function digestOf(certificate: Uint8Array): string {
  return createHash('sha256').update(certificate).digest('base64url');
}

function contextOf({ certificate, key, roots }: TlsMaterial): SecureContextOptions {
  return {
    cert: certificate,
    key: key.reveal(),
    ca: roots,
    minVersion: 'TLSv1.3',
    // No session outlives the roots that it was verified with.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
