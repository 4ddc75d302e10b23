// HTTP/1 as bytes, for what a library would tidy: a server that answers with the header lines that it was sent, and an exchange.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TestCertificate } from './test-ca.ts';

export interface Http1Application {
  readonly address: string;
  readonly port: number;
  readonly server: Server;
  stop(): Promise<void>;
}

/** By default it answers with `[name, value]` of every header line, as they came. */
export async function startHttp1Application(
  handler: (request: IncomingMessage, response: ServerResponse) => void = (request, response) => {
    response.end(JSON.stringify(headerLines(request)));
  },
): Promise<Http1Application> {
  // Its own limits are in nobody's way.
  const server = createServer({ maxHeaderSize: 1 << 20, keepAliveTimeout: 60_000 }, handler);
  server.maxHeadersCount = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: '127.0.0.1',
    server,
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export type HeaderLine = readonly [name: string, value: string];

export function headerLines({ rawHeaders }: IncomingMessage): HeaderLine[] {
  return rawHeaders.flatMap((name, index): HeaderLine[] =>
    index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? '']] : [],
  );
}

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends the bytes, and reads until the answer is whole or the other side ends. Rejects when it stays open without one. */
export function rawExchange(
  port: number,
  text: string,
  tls?: { readonly svid: TestCertificate; readonly serverName?: string },
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket =
      tls === undefined
        ? connect(port, '127.0.0.1')
        : connectTls({
            host: '127.0.0.1',
            port,
            rejectUnauthorized: false,
            ALPNProtocols: ['http/1.1'],
            cert: tls.svid.certificate,
            key: tls.svid.key,
            ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
          });
    let answer = '';
    const end = (): void => {
      socket.destroy();
      const split = answer.indexOf('\r\n\r\n');
      const head = split === -1 ? answer : answer.slice(0, split);
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
      const body = split === -1 ? '' : answer.slice(split + 4);
      resolve({ status, head, body: /transfer-encoding: chunked/i.test(head) ? dechunked(body) : body });
    };
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no whole answer within 10 s: ${answer.slice(0, 200)}`)));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (isWhole(answer)) end();
    });
    socket.on('error', reject).on('end', end);
    socket.write(Buffer.from(text, 'latin1'));
  });
}

function isWhole(answer: string): boolean {
  const split = answer.indexOf('\r\n\r\n');
  if (split === -1) return false;
  const head = answer.slice(0, split);
  if (/transfer-encoding: chunked/i.test(head))
    return answer.endsWith('\r\n0\r\n\r\n') || answer.endsWith('\r\n\r\n0\r\n\r\n');
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  return length !== undefined && answer.length >= split + 4 + Number(length);
}

function dechunked(body: string): string {
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
