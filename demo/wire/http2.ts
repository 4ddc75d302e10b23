// HTTP/2 sessions, over TLS or in plaintext with prior knowledge, and plain requests on them.
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { callerIn } from '../services/caller.ts';
import { deadlineMs, failed, type Outcome } from './outcome.ts';

export function openHttp2(through: { readonly socket: TLSSocket } | { readonly address: string }): ClientHttp2Session {
  const session =
    'socket' in through
      ? connect('https://demo', { createConnection: () => through.socket })
      : connect(`http://${through.address}`);
  session.on('error', () => session.destroy());
  return session;
}

export interface Http2Exchange {
  readonly headers: IncomingHttpHeaders & { readonly ':status'?: number | undefined };
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One request and its whole answer; rejects when there is none. */
export function exchangeHttp2(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
  body?: Buffer,
): Promise<Http2Exchange> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined });
    const chunks: Buffer[] = [];
    let answer: Http2Exchange['headers'] = {};
    let trailers: IncomingHttpHeaders = {};
    stream.setTimeout(deadlineMs, () => stream.close(constants.NGHTTP2_CANCEL));
    stream.on('response', (received) => {
      answer = received;
    });
    stream.on('trailers', (received) => {
      trailers = received;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      if (stream.rstCode === constants.NGHTTP2_NO_ERROR && answer[':status'] !== undefined)
        resolve({ headers: answer, trailers, body: Buffer.concat(chunks) });
      else reject(new Error(`the HTTP/2 stream ended without an answer (code ${stream.rstCode})`));
    });
    if (body !== undefined) stream.end(body);
  });
}

export async function requestHttp2(session: ClientHttp2Session, method: string, path: string): Promise<Outcome> {
  try {
    const { headers, body } = await exchangeHttp2(session, { ':method': method, ':path': path });
    const code = headers[':status'] ?? 0;
    if (code === 200) return { kind: 'ok', body: body.toString(), caller: callerIn((name) => headers[name]) };
    return { kind: 'refused', code, details: body.toString().trim() };
  } catch (reason) {
    return failed(reason);
  }
}
