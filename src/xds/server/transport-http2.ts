// gRPC over our own HTTP/2 on sockets (`http2/`). This file manages connections: their age, their silence, and those that make no calls.
import type { Socket } from 'node:net';
import type { GrpcTransport, GrpcTransportOptions } from './grpc-transport.ts';
import { type Connection, createConnection } from './http2/connection.ts';
import { dataFrames, errorCode } from './http2/frames.ts';
import { serveHttp2Call } from './http2-call.ts';

/** One timer manages all connections. */
const lookMs = 1000;
/** So that a fleet's connections do not all end at once. */
const ageJitter = 0.1;

interface Life {
  readonly connection: Connection;
  /** Monotonic milliseconds: when it is renewed, and when it is pinged next. */
  readonly renewAt: number;
  askAt: number;
}

/** Renewals and keepalives of connections are spread in time, so that not all are due at once. */
export function createHttp2Transport(options: GrpcTransportOptions): GrpcTransport {
  const { ageMs, ageGraceMs, idleMs, keepaliveMs, keepaliveTimeoutMs } = options;
  const lives = new Set<Life>();
  const framing = rememberedFrames();
  const now = (): number => performance.now();
  let leaving = false;

  const look = (): void => {
    const at = now();
    framing.forget();
    for (const life of lives) {
      const { connection, renewAt } = life;
      connection.look();
      const silentSince = connection.askedAt() ?? at;
      const idle = connection.streams() === 0 && at >= connection.idleSince() + idleMs;
      if (at >= renewAt + ageGraceMs || at >= silentSince + keepaliveTimeoutMs) connection.end(errorCode.none);
      else if (at >= renewAt || idle) connection.goAway();
      if (at >= life.askAt) {
        life.askAt = at + keepaliveMs;
        connection.ping();
      }
    }
  };
  const everyMs = Math.min(lookMs, keepaliveMs, keepaliveTimeoutMs, idleMs, Math.max(10, ageMs / 10));
  const looking = setInterval(look, everyMs).unref();
  return {
    take(socket, certificate, admit) {
      const peer = peerOf(socket, certificate);
      const connection = createConnection({
        ...{ socket, admit, now, most: options.calls, framed: framing.frames },
        open: (stream, headers) => serveHttp2Call(stream, headers, { ...options, peer }),
      });
      const at = now();
      const life = {
        connection,
        renewAt: at + ageMs * (1 + ageJitter * (2 * Math.random() - 1)),
        // So that not all are pinged at once.
        askAt: at + keepaliveMs * (1 - ageJitter * Math.random()),
      };
      lives.add(life);
      socket.once('close', () => lives.delete(life));
      if (leaving) connection.goAway();
    },
    goAway() {
      leaving = true;
      for (const { connection } of lives) connection.goAway();
    },
    destroy() {
      clearInterval(looking);
      for (const { connection } of lives) connection.end(errorCode.none);
    },
  };
}

function peerOf(socket: Socket, certificate: Uint8Array | undefined) {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '');
  return certificate === undefined ? { address } : { address, certificate };
}

const [mostRemembered, worthRemembering] = [8, 1024];

/**
 * What many connections are sent is framed once, if it is on the same stream of each, as it nearly always is: remembered when it is sent
 * for the second time, because what one proxy alone is sent would be kept for nothing.
 */
function rememberedFrames() {
  let known: readonly { readonly bytes: Buffer; readonly stream: number; frames?: Buffer }[] = [];
  return {
    frames(bytes: Buffer, stream: number): Buffer {
      const there = known.find((one) => one.bytes === bytes && one.stream === stream);
      if (there?.frames !== undefined) return there.frames;
      const frames = dataFrames(bytes, stream);
      if (there !== undefined) there.frames = frames;
      else if (bytes.length >= worthRemembering) known = [{ bytes, stream }, ...known.slice(0, mostRemembered - 1)];
      return frames;
    },
    forget() {
      known = [];
    },
  };
}
