// One call to somebody else's gRPC method: a message there, and the first of what it answers, within a time and of bounded size.
import { connect as connectHttp2 } from 'node:http2';
import type { Duplex } from 'node:stream';
import { CellwallError, type ErrorCode } from './errors.ts';
import { frameOf, framePrefix } from './grpc-call.ts';

export interface GrpcRequest {
  /** Who is called, as in `the SPIRE server`. */
  readonly who: string;
  /** Opens a connection for this call alone. */
  readonly connect: () => Duplex;
  /** As in `/package.Service/Method`. */
  readonly method: string;
  readonly message: Uint8Array;
  /** gRPC's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Default: 10,000. */
  readonly timeoutMs?: number;
}

const mostBytes = 1_048_576;

/**
 * Throws `unavailable` if nobody answers, or says that it cannot now; `failed_precondition` for any other status, without its message,
 * which may hold anything.
 */
export function callGrpc(request: GrpcRequest): Promise<Buffer> {
  const { who, connect, method, message, metadata = {}, timeoutMs = 10_000 } = request;
  return new Promise((resolve, reject) => {
    const session = connectHttp2('http://localhost', { createConnection: connect });
    const limit = setTimeout(() => fail('no answer in time'), timeoutMs);
    const done = (): void => {
      clearTimeout(limit);
      session.destroy();
    };
    function fail(why: string, code: ErrorCode = 'unavailable', hint?: string): void {
      reject(new CellwallError(code, `${who}: ${why}`, hint === undefined ? {} : { hint }));
      done();
    }
    session.on('error', ({ message: why }: Error) => fail(why));
    session.on('close', () => fail('the connection was closed'));
    const stream = session.request({
      ...metadata,
      ...{ ':method': 'POST', ':path': method, 'content-type': 'application/grpc', te: 'trailers' },
    });
    const chunks: Buffer[] = [];
    let [size, status] = [0, undefined as string | undefined];
    const note = (headers: Readonly<Record<string, unknown>>): void => {
      const found = headers['grpc-status'];
      if (typeof found === 'string') status = found;
      if (headers[':status'] !== undefined && headers[':status'] !== 200) fail(`HTTP status ${headers[':status']}`);
    };
    stream.on('response', note).on('trailers', note);
    stream.on('error', ({ message: why }: Error) => fail(why));
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > mostBytes) return fail('the answer is too large', 'failed_precondition');
      chunks.push(chunk);
      const answer = messageIn(Buffer.concat(chunks));
      if (answer === undefined) return;
      resolve(answer);
      done();
    });
    stream.on('close', () => {
      if (status === undefined || status === '0') fail('it ended without an answer');
      else failWith(status, fail);
    });
    stream.end(frameOf(message));
  });
}

/** The first one, once it is complete. */
function messageIn(bytes: Buffer): Buffer | undefined {
  if (bytes.length < framePrefix) return undefined;
  const end = framePrefix + bytes.readUInt32BE(1);
  // Compressed: none was offered, so it cannot be read.
  return bytes.length < end || bytes[0] !== 0 ? undefined : bytes.subarray(framePrefix, end);
}

/** Of those that a later attempt may change: cancelled, deadline, room, aborted, unavailable. https://grpc.io/docs/guides/status-codes/ */
const passing = ['1', '4', '8', '10', '14'];
const refusing = ['7', '16'];

function failWith(status: string, fail: (why: string, code?: ErrorCode, hint?: string) => void): void {
  const hint = refusing.includes(status) ? 'it does not allow this: its own log says why' : 'its own log says why';
  fail(`it answers with gRPC status ${status}`, passing.includes(status) ? 'unavailable' : 'failed_precondition', hint);
}
