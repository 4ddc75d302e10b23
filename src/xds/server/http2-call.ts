// One gRPC call over an HTTP/2 stream: headers, messages, trailers. Whatever the peer does ends at most this call.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
import { systemClock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { GrpcCall, GrpcHandler, GrpcMethods, GrpcPeer } from '../../lib/grpc-call.ts';
import { grpcStatus } from '../../lib/grpc-status.ts';
import type { Header } from './http2/header-table.ts';
import { headerBlock } from './http2/headers.ts';
import type { Http2Stream, StreamHandler } from './http2/stream.ts';
import { createMessageReader } from './message-reader.ts';

export interface Http2CallDeps {
  readonly methods: GrpcMethods;
  readonly peer: GrpcPeer;
  /** Maximum size of one message in bytes. */
  readonly messageBytes: number;
}

const contentType = 'application/grpc';
const mostDetails = 1024;
const begun = headerBlock([
  [':status', '200'],
  ['content-type', contentType],
]);
const done = headerBlock([['grpc-status', '0']]);

/** `headers` is undefined if there were more than anybody needs. Returns what serves the stream, if anything does. */
export function serveHttp2Call(
  stream: Http2Stream,
  headers: ReadonlyMap<string, string> | undefined,
  { methods, peer, messageBytes }: Http2CallDeps,
): StreamHandler | undefined {
  const refusal = refusedWith(headers);
  if (headers === undefined || refusal !== undefined) {
    stream.end(headerBlock([[':status', refusal ?? '431']]));
    return undefined;
  }
  const open = methods.get(headers.get(':path') ?? '');
  if (open === undefined) {
    stream.end(onlyStatus(new CellwallError('unimplemented', 'there is no such method')));
    return undefined;
  }
  let [over, answered] = [false, false];
  let cancelDeadline = (): void => {};
  const call: GrpcCall = {
    peer,
    header: (name) => headers.get(name),
    write(frame, sent) {
      if (over) return;
      if (!answered) stream.headers(begun);
      answered = true;
      stream.data(frame, sent);
    },
    pause() {
      if (over) return;
      reader.pause();
      stream.pause();
    },
    resume() {
      if (over) return;
      stream.resume();
      reader.resume();
    },
    end(error) {
      if (over) return;
      finish();
      if (!answered) stream.end(onlyStatus(error));
      else stream.end(error === undefined ? done : headerBlock(statusHeaders(error)));
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
  if (!over) {
    cancelDeadline = deadlineOf(headers.get('grpc-timeout'), () => {
      const its = handler;
      call.end(new CellwallError('deadline_exceeded', 'the deadline of the call is over'));
      its?.cancelled('left');
    });
  }
  return {
    data: (chunk) => reader.push(chunk),
    ended: () => reader.end(),
    closed() {
      if (over) return;
      finish();
      handler?.cancelled('left');
    },
  };
}

/** The HTTP status for a request that is not a gRPC call, or has too many headers. */
function refusedWith(headers: ReadonlyMap<string, string> | undefined): string | undefined {
  if (headers === undefined) return '431';
  if (headers.get(':method') !== 'POST') return '405';
  return isGrpc(headers.get('content-type')) ? undefined : '415';
}

function isGrpc(type: string | undefined): boolean {
  return (
    type === contentType ||
    type?.startsWith(`${contentType}+proto`) === true ||
    type?.startsWith(`${contentType};`) === true
  );
}

/** An answer that is only a status. */
function onlyStatus(error: CellwallError | undefined): Buffer {
  return headerBlock([[':status', '200'], ['content-type', contentType], ...statusHeaders(error)]);
}

function statusHeaders(error: CellwallError | undefined): readonly Header[] {
  if (error === undefined) return [['grpc-status', '0']];
  const { code, details } = grpcStatus(error);
  return [
    ['grpc-status', String(code)],
    ['grpc-message', percentEncoded(details)],
  ];
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

const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** An invalid value counts as none. */
function deadlineOf(timeout: string | undefined, over: () => void): () => void {
  const [, count, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(timeout ?? '') ?? [];
  if (count === undefined) return () => {};
  return systemClock.after(Number(count) * (units[unit] ?? 0), over);
}
