// A unary gRPC call on an HTTP/2 session, framed by hand (gRPC over HTTP2): no retries, no reconnects that would hide a failure.
import type { ClientHttp2Session } from 'node:http2';
import { callerIn } from '../services/caller.ts';
import { grpcMethod } from '../services/protos.ts';
import { realMetadata } from '../services/real-metadata.ts';
import { exchangeHttp2 } from './http2.ts';
import { failed, type Outcome } from './outcome.ts';

export async function requestGrpc(session: ClientHttp2Session, method: string, request: object): Promise<Outcome> {
  try {
    const { path, requestSerialize, responseDeserialize } = grpcMethod(method);
    const message = requestSerialize(request);
    // Length-Prefixed-Message: one byte compressed flag, four bytes length, big-endian.
    const frame = Buffer.alloc(5 + message.length);
    frame.writeUInt32BE(message.length, 1);
    message.copy(frame, 5);
    const { headers, trailers, body } = await exchangeHttp2(
      session,
      { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...realMetadata },
      frame,
    );
    if (headers[':status'] !== 200) return { kind: 'refused', code: headers[':status'] ?? 0, details: body.toString() };
    const status = trailers['grpc-status'] ?? headers['grpc-status'];
    if (status !== '0') {
      const details = trailers['grpc-message'] ?? headers['grpc-message'];
      return { kind: 'refused', code: Number(status), details: decodeURIComponent(String(details ?? '')) };
    }
    return { kind: 'ok', body: responseDeserialize(body.subarray(5)), caller: callerIn((name) => headers[name]) };
  } catch (reason) {
    return failed(reason);
  }
}
