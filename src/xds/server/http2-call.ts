// One gRPC call over an HTTP/2 stream of Node: headers, messages, trailers. Whatever the peer does ends at most this call.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { constants } from 'node:http2';
import { systemClock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { GrpcCall, GrpcHandler, GrpcMethods, GrpcPeer } from '../../lib/grpc-call.ts';
import { grpcStatus } from '../../lib/grpc-status.ts';
import { createMessageReader } from './message-reader.ts';

export interface Http2CallDeps {
  readonly methods: GrpcMethods;
  readonly peer: GrpcPeer;
  /** Bytes of one message. */
  readonly messageBytes: number;
}

const contentType = 'application/grpc';
/** Of all headers: Envoy sends a hundredth of that. */
export const mostHeaderBytes = 16 * 1024;
const mostDetails = 1024;
/** Once the call has ended, a peer has this long to close its side. */
const lingerMs = 1000;

export function serveHttp2Call(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { methods, peer, messageBytes }: Http2CallDeps,
): void {
  // Errors on the stream are handled when it closes.
  stream.on('error', () => undefined);
  const open = methods.get(headers[':path'] ?? '');
  const refusal = refusedWith(headers);
  if (refusal !== undefined) {
    stream.respond({ ':status': refusal }, { endStream: true });
    linger(stream);
    return;
  }
  if (open === undefined) {
    const status = statusHeaders(new CellwallError('unimplemented', 'there is no such method'));
    stream.respond({ ':status': 200, 'content-type': contentType, ...status }, { endStream: true });
    linger(stream);
    return;
  }
  let over = false;
  let cancelDeadline = (): void => {};
  const call: GrpcCall = {
    peer,
    write(frame, sent) {
      if (over || stream.destroyed) return;
      if (!stream.headersSent)
        stream.respond({ ':status': 200, 'content-type': contentType }, { waitForTrailers: true });
      stream.write(frame, sent);
    },
    pause() {
      reader.pause();
      stream.pause();
    },
    resume() {
      if (over) return;
      reader.resume();
      stream.resume();
    },
    end(error) {
      if (over) return;
      finish();
      if (stream.destroyed) return;
      const status = statusHeaders(error);
      if (stream.headersSent) {
        stream.once('wantTrailers', () => stream.sendTrailers(status));
        stream.end();
      } else stream.respond({ ':status': 200, 'content-type': contentType, ...status }, { endStream: true });
      linger(stream);
    },
  };
  const finish = (): void => {
    over = true;
    cancelDeadline();
    reader.stop();
  };
  const guarded = (run: () => void): void => {
    if (over) return;
    try {
      run();
    } catch (reason) {
      call.end(CellwallError.from(reason));
    }
  };
  let handler: GrpcHandler | undefined;
  const reader = createMessageReader({
    most: messageBytes,
    take: (message) => guarded(() => handler?.message(message)),
    ended: () => guarded(() => handler?.halfClosed()),
    fail: (error) => {
      // The method is told that nothing more comes, because it does not see an end from this side.
      const its = handler;
      call.end(error);
      its?.cancelled('broken');
    },
  });
  guarded(() => {
    handler = open(call);
  });
  stream.on('data', (chunk: Buffer) => reader.push(chunk));
  stream.once('end', () => reader.end());
  stream.once('close', () => {
    if (over) return;
    finish();
    handler?.cancelled('left');
  });
  cancelDeadline = deadlineOf(headers['grpc-timeout'], () => {
    const its = handler;
    call.end(new CellwallError('deadline_exceeded', 'the deadline of the call is over'));
    its?.cancelled('left');
  });
}

/** The HTTP status for anything that is not a gRPC call, or is too large. */
function refusedWith(headers: IncomingHttpHeaders): number | undefined {
  let bytes = 0;
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0);
  if (bytes > mostHeaderBytes) return 431;
  if (headers[':method'] !== 'POST') return 405;
  return isGrpc(headers['content-type']) ? undefined : 415;
}

function isGrpc(type: string | undefined): boolean {
  return (
    type === contentType ||
    type?.startsWith(`${contentType}+proto`) === true ||
    type?.startsWith(`${contentType};`) === true
  );
}

function statusHeaders(error: CellwallError | undefined): Readonly<Record<string, string>> {
  if (error === undefined) return { 'grpc-status': '0' };
  const { code, details } = grpcStatus(error);
  return { 'grpc-status': String(code), 'grpc-message': percentEncoded(details) };
}

/** Printable ASCII stays, except for the percent sign. */
function percentEncoded(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text.slice(0, mostDetails), 'utf8')) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** What a peer no longer reads is dropped, and its side is closed if it does not close it. */
function linger(stream: ServerHttp2Stream): void {
  stream.resume();
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), lingerMs).unref();
  stream.once('close', () => clearTimeout(timer));
}

const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** An invalid value is ignored. */
function deadlineOf(timeout: string | string[] | undefined, over: () => void): () => void {
  const [, count, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(timeout ?? '')) ?? [];
  if (count === undefined) return () => {};
  return systemClock.after(Number(count) * (units[unit] ?? 0), over);
}
