// One HTTP/1.1 request on a connection of its own, the path exactly as given, with or without TLS.
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface HttpCall {
  readonly port: number;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Absent: plaintext. Without a certificate: one-way TLS. */
  readonly tls?: { readonly certificate?: string; readonly key?: string; readonly serverName?: string };
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Rejects when the connection fails: a refused handshake is an error, never a status. */
export function httpCall({ port, path = '/', method = 'GET', headers = {}, tls }: HttpCall): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const socket =
      tls === undefined
        ? connectTcp({ host: '127.0.0.1', port })
        : connectTls({
            host: '127.0.0.1',
            port,
            rejectUnauthorized: false,
            ALPNProtocols: ['http/1.1'],
            ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
            ...(tls.key === undefined ? {} : { key: tls.key }),
            ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
          });
    const chunks: Buffer[] = [];
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer within 10 s')));
    const text = (): string => Buffer.concat(chunks).toString('latin1');
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      // Envoy lingers for a second after a reply of its own.
      if (isComplete(text())) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      const answer = text();
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1];
      if (status === undefined) reject(new Error(`connection closed without an answer: ${answer.slice(0, 100)}`));
      else resolve({ status: Number(status), body: dechunk(answer) });
    });
    const lines = Object.entries({ host: 'test', connection: 'close', ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  });
}

function isComplete(text: string): boolean {
  const split = text.indexOf('\r\n\r\n');
  const length = /content-length: (\d+)/i.exec(text.slice(0, split))?.[1];
  return split !== -1 && length !== undefined && text.length >= split + 4 + Number(length);
}

function dechunk(text: string): string {
  const split = text.indexOf('\r\n\r\n');
  const body = text.slice(split + 4);
  if (!/transfer-encoding: chunked/i.test(text.slice(0, split))) return body;
  let out = '';
  let rest = body;
  for (;;) {
    const line = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.slice(0, line), 16);
    if (line === -1 || Number.isNaN(size) || size === 0) return out;
    out += rest.slice(line + 2, line + 2 + size);
    rest = rest.slice(line + 2 + size + 2);
  }
}
