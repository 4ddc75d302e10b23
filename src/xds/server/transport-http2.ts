// gRPC over Node's HTTP/2, whose frames are read by nghttp2: that limits resets, CONTINUATION frames, and unacknowledged data. This file
// manages connections: their age, their silence, and frames that do not belong to a call.
import { constants, createServer, type ServerHttp2Session } from 'node:http2';
import type { GrpcPeer } from '../../lib/grpc-call.ts';
import type { GrpcTransport, GrpcTransportOptions } from './grpc-transport.ts';
import { mostHeaderBytes, serveHttp2Call } from './http2-call.ts';

interface Connection {
  readonly session: ServerHttp2Session;
  readonly peer: GrpcPeer;
  /** Monotonic milliseconds: when it is renewed, when it was last heard from or pinged, since when it has no call. */
  readonly renewAt: number;
  askedAt: number;
  idleSince: number;
  calls: number;
  /** Frames since the last check that only cost work: pings and settings. */
  chatter: number;
  closing: boolean;
}

/** One timer manages all connections. */
const lookMs = 1000;
/** Pings and settings between two checks; Envoy sends one now and then. */
const mostChatter = 100;
/** So that many connections do not all end at once. */
const ageJitter = 0.1;
/** What is sent on all calls of a connection before any of it is read; an idle call does not delay others. */
const connectionWindow = 1024 * 1024;
const mostHeaders = 64;

export function createHttp2Transport(options: GrpcTransportOptions): GrpcTransport {
  const { ageMs, ageGraceMs, idleMs, keepaliveMs, keepaliveTimeoutMs } = options;
  const connections = new Map<ServerHttp2Session, Connection>();
  let entering: GrpcPeer = { address: '' };
  let leaving = false;

  const server = createServer({
    settings: { maxConcurrentStreams: options.calls, maxHeaderListSize: mostHeaderBytes, enableConnectProtocol: false },
    maxHeaderListPairs: mostHeaders,
    maxSettings: 32,
    maxSessionMemory: 64,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
  });
  server.on('sessionError', () => undefined);
  server.on('session', (session) => {
    const now = performance.now();
    const connection: Connection = {
      session,
      peer: entering,
      renewAt: now + ageMs * (1 + ageJitter * (2 * Math.random() - 1)),
      ...{ askedAt: now, idleSince: now, calls: 0, chatter: 0, closing: false },
    };
    connections.set(session, connection);
    session.on('error', () => undefined);
    session.once('close', () => connections.delete(session));
    const chat = (): void => {
      if (++connection.chatter > mostChatter) end(connection, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    };
    session.on('ping', chat);
    session.on('remoteSettings', chat);
    session.setLocalWindowSize(connectionWindow);
    session.on('stream', (stream, headers) => {
      connection.calls++;
      stream.once('close', () => {
        connection.calls--;
        connection.idleSince = performance.now();
      });
      serveHttp2Call(stream, headers, { ...options, peer: connection.peer });
    });
    if (leaving) close(connection);
  });

  const end = ({ session }: Connection, code: number): void => {
    // Node tells the peer the code only if there is an error.
    session.destroy(code === constants.NGHTTP2_NO_ERROR ? undefined : new Error(`ended with HTTP/2's ${code}`), code);
  };
  const close = (connection: Connection): void => {
    if (connection.closing) return;
    connection.closing = true;
    connection.session.close();
  };
  const look = (): void => {
    const now = performance.now();
    for (const connection of connections.values()) {
      connection.chatter = 0;
      if (now >= connection.renewAt + ageGraceMs) end(connection, constants.NGHTTP2_NO_ERROR);
      else if (now >= connection.renewAt || (connection.calls === 0 && now >= connection.idleSince + idleMs)) {
        close(connection);
      }
      if (!connection.session.destroyed && now >= connection.askedAt + keepaliveMs) ask(connection, now);
    }
  };
  const ask = (connection: Connection, now: number): void => {
    const { session } = connection;
    connection.askedAt = now;
    const silent = setTimeout(() => end(connection, constants.NGHTTP2_NO_ERROR), keepaliveTimeoutMs).unref();
    const asked = session.ping((error) => {
      clearTimeout(silent);
      if (error !== null) end(connection, constants.NGHTTP2_NO_ERROR);
    });
    if (!asked) clearTimeout(silent);
  };
  const looking = setInterval(look, Math.min(lookMs, keepaliveMs, idleMs, Math.max(10, ageMs / 10))).unref();
  return {
    take(socket, certificate) {
      const address = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '');
      entering = certificate === undefined ? { address } : { address, certificate };
      // The session is created and announced before this returns.
      server.emit('connection', socket);
    },
    goAway() {
      leaving = true;
      for (const connection of connections.values()) close(connection);
    },
    destroy() {
      clearInterval(looking);
      for (const connection of [...connections.values()]) end(connection, constants.NGHTTP2_NO_ERROR);
    },
  };
}
