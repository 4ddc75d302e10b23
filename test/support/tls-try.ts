// One TLS connection with a client certificate, and a session of an earlier one if there is any: whether the server takes it.
import { connect } from 'node:tls';

export interface TlsTry {
  readonly taken: boolean;
  /** The beginning of what it answered. */
  readonly answer: string;
  readonly resumed: boolean;
  /** What a later connection can offer; undefined if the server gave none. */
  readonly session: Buffer | undefined;
}

export interface TlsTryOptions {
  readonly port: number;
  /** PEM. Absent: without a certificate. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly session?: Buffer | undefined;
  readonly alpn?: string;
  /** What is sent; the server has taken the connection once it answers. */
  readonly ask?: string | Buffer;
}

/** With TLS 1.3 a server refuses a certificate after the client's handshake is over: only an answer shows that it did not. */
export function tlsTry({ port, alpn = 'http/1.1', ask, ...own }: TlsTryOptions): Promise<TlsTry> {
  return new Promise((resolve) => {
    let session: Buffer | undefined;
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: [alpn], ...own });
    const end =
      (taken: boolean) =>
      (data?: unknown): void => {
        const answer = Buffer.isBuffer(data) ? data.toString('latin1', 0, 200) : '';
        resolve({ taken, answer, resumed: socket.isSessionReused(), session });
        socket.destroy();
      };
    socket.on('session', (given: Buffer) => {
      session = given;
    });
    socket.once('secureConnect', () =>
      socket.write(ask ?? 'GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n'),
    );
    socket.once('data', end(true)).once('error', end(false)).once('close', end(false));
    socket.setTimeout(10_000, end(false));
  });
}
