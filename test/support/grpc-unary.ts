// Unary gRPC over one HTTP/2 connection, with messages as bytes: what the caller sees, not what a library makes of it.
import { type ClientHttp2Session, connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { frame } from './proto-bytes.ts';
import type { TestCertificate } from './test-ca.ts';

/** Answers every call, with nothing. */
export async function startGrpcBackend(): Promise<{ readonly port: number; stop(): void }> {
  const sessions = new Set<{ destroy(): void }>();
  const server = createServer().on('session', (session) => sessions.add(session));
  server.on('stream', (stream) => {
    stream.on('error', () => undefined).resume();
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

export function grpcSession(port: number, { certificate, key }: TestCertificate): ClientHttp2Session {
  const session = connect(`https://127.0.0.1:${port}`, { cert: certificate, key, rejectUnauthorized: false });
  return session.on('error', () => undefined);
}

/** The gRPC status. */
export function grpcUnary(session: ClientHttp2Session, method: string, message: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { ':method': 'POST', ':path': `/${method}`, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = session.request(headers);
    let status: unknown;
    const note = (seen: Readonly<Record<string, unknown>>): void => {
      status ??= seen['grpc-status'];
    };
    stream.on('response', note).on('trailers', note).on('error', reject);
    stream.on('close', () => resolve(String(status)));
    stream.resume().end(frame(message));
  });
}
