// What another user of the host can put in the control plane's place: listeners that keep every byte they are sent, and answer as they
// like.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect as dial, type ListenOptions, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { createTestCa } from '../../support/test-ca.ts';

export interface FalseServer {
  readonly port: number;
  /** What came in, deciphered where the false server got that far. */
  received(): Buffer;
  connections(): number;
  close(): Promise<void>;
}

export type Answer = (socket: Socket, received: Buffer) => void;

const http =
  (head: string, body = '{"ready":true}'): Answer =>
  (socket) =>
    void socket.write(
      `HTTP/1.1 ${head}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );

/** Of a server that speaks no TLS. */
export const plainAnswers: Readonly<Record<string, Answer>> = {
  '200': http('200 OK'),
  '401, with a challenge': http('401 Unauthorized\r\nwww-authenticate: Bearer realm="cellwall"'),
  '307 to itself': http('307 Temporary Redirect\r\nlocation: http://127.0.0.1/v1/status'),
  '426 upgrade, not TLS': http('426 Upgrade Required\r\nupgrade: h2c'),
  'a TLS alert': (socket) => void socket.write(Buffer.from([0x15, 3, 3, 0, 2, 2, 40])),
  'its own bytes back': (socket, received) => void socket.write(received),
  'the end': (socket) => void socket.end(),
};

export async function falseServer(
  answer: Answer,
  at: ListenOptions = { host: '127.0.0.1', port: 0 },
): Promise<FalseServer> {
  return listen(at, (socket, keep) => {
    socket.on('data', (bytes) => {
      keep(bytes);
      answer(socket, bytes);
    });
  });
}

/** Speaks TLS: with a certificate of its own, or a key of its own. */
export async function falseTlsServer(options: TlsOptions): Promise<FalseServer> {
  const inner: Buffer[] = [];
  const tls = createTlsServer(options, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      inner.push(bytes);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
    });
  });
  tls.on('tlsClientError', () => {});
  const outer = await listen({ host: '127.0.0.1', port: 0 }, (socket, keep) => {
    socket.on('data', keep);
    tls.emit('connection', socket);
  });
  return { ...outer, received: () => Buffer.concat([outer.received(), ...inner]) };
}

export async function ownCertificate(): Promise<TlsOptions> {
  const ca = await createTestCa('somebody else');
  const { certificate, key } = await ca.issue({ dns: ['localhost'], ip: ['127.0.0.1'] });
  return { cert: certificate, key };
}

/** Passes everything on to the real one, and keeps it: both directions. */
export async function relay(port: number): Promise<FalseServer> {
  return listen({ host: '127.0.0.1', port: 0 }, (socket, keep) => {
    const onward = dial(port, '127.0.0.1');
    onward.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      keep(bytes);
      onward.write(bytes);
    });
    onward.on('data', (bytes) => {
      keep(bytes);
      socket.write(bytes);
    });
    socket.on('close', () => onward.destroy());
    onward.on('close', () => socket.destroy());
  });
}

/** A folder under the system's own for such, short enough for sockets. */
export function shortFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'cw-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** How a secret may look in bytes that somebody else sees. */
export function holds(bytes: Buffer, secret: string): boolean {
  const forms = [
    secret,
    ...(['base64', 'base64url', 'hex'] as const).map((form) => Buffer.from(secret).toString(form)),
  ];
  return forms.some((form) => bytes.includes(form));
}

async function listen(
  at: ListenOptions,
  accept: (socket: Socket, keep: (bytes: Buffer) => void) => void,
): Promise<FalseServer> {
  const received: Buffer[] = [];
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
    accept(socket, (bytes) => received.push(bytes));
  });
  await new Promise<void>((resolve) => server.listen(at, resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    received: () => Buffer.concat(received),
    connections: () => connections,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
