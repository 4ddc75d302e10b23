// Sends one request at an inbound listener, exactly as generated, and waits until it is answered or refused.
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { frame } from '../../support/proto-bytes.ts';
import type { TestCertificate } from '../../support/test-ca.ts';
import type { GeneratedRequest } from './random-requests.ts';
import { numberHeader } from './recording-backends.ts';

export interface SendOptions {
  readonly port: number;
  readonly number: string;
  readonly request: GeneratedRequest;
  /** Present for TLS; without a certificate it is one-way. */
  readonly tls?: { readonly certificate?: TestCertificate };
  /** That of the caller's token. */
  readonly header?: readonly [name: string, value: string];
}

const limitMs = 5000;

/** What the client saw: a status, or why the connection ended. Never rejects but for silence. */
export function sendRequest(options: SendOptions): Promise<string> {
  const socket = open(options);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer within ${limitMs} ms: ${JSON.stringify(options.request)}`));
    }, limitMs);
    const done = (seen: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(seen);
    };
    socket.on('error', (error) => done(`connection failed: ${error.message}`));
    socket.on('close', () => done('connection closed'));
    if (options.request.transport === 'h2') sendHttp2(socket, options, done);
    else sendHttp1(socket, options, done);
  });
}

function open({ port, request, tls }: SendOptions): Socket {
  if (tls === undefined) return connectTcp({ host: '127.0.0.1', port });
  const { certificate } = tls;
  return connectTls({
    host: '127.0.0.1',
    port,
    // The client's side is not under test.
    rejectUnauthorized: false,
    ...(request.transport === 'tcp' ? {} : { ALPNProtocols: [request.transport] }),
    ...(certificate === undefined ? {} : { cert: certificate.certificate, key: certificate.key }),
  });
}

/** Over TCP the same text serves as what two applications say to each other. */
function sendHttp1(socket: Socket, { number, request, header }: SendOptions, done: (seen: string) => void): void {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    const status = /^HTTP\/1\.1 (\d{3})[\s\S]*?\r\n\r\n/.exec(text)?.[1];
    if (status !== undefined) done(status);
  });
  const body =
    request.method === 'POST' || request.method === 'PUT' || request.method === 'PATCH' ? 'content-length: 0\r\n' : '';
  const token = header === undefined ? '' : `${header.join(': ')}\r\n`;
  socket.write(
    `${request.method} ${request.path} HTTP/1.1\r\nhost: test\r\n${numberHeader}: ${number}\r\n${token}${body}connection: close\r\n\r\n`,
    'latin1',
  );
}

function sendHttp2(socket: Socket, { number, request, header }: SendOptions, done: (seen: string) => void): void {
  const session = connectHttp2('http://test', { createConnection: () => socket });
  session.on('error', (error) => done(`session failed: ${error.message}`));
  session.on('goaway', () => undefined);
  const stream = session.request(
    {
      ':method': request.method,
      ':path': request.path,
      ':scheme': 'http',
      ':authority': 'test',
      [numberHeader]: number,
      ...(header === undefined ? {} : { [header[0]]: header[1] }),
      ...(request.grpc ? { 'content-type': 'application/grpc', te: 'trailers' } : {}),
    },
    { endStream: !request.grpc },
  );
  let seen = '';
  stream.on('response', (headers) => {
    seen = `${headers[':status']}${headers['grpc-status'] === undefined ? '' : ` grpc ${headers['grpc-status']}`}`;
  });
  stream.on('error', (error) => done(`stream failed: ${error.message}`));
  stream.on('close', () => done(seen === '' ? 'stream closed' : seen));
  stream.resume();
  if (request.grpc) stream.end(frame(Buffer.from(request.message, 'hex')));
}
