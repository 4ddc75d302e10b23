// Bytes sent as they are over a connection of their own, in plaintext or TLS, and the status that came back (0: none).
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

export interface RawCall {
  readonly port: number;
  /** One character a byte. */
  readonly request: string;
  readonly tls?: Pick<ConnectionOptions, 'cert' | 'key' | 'servername'>;
}

export function rawCall({ port, request, tls }: RawCall): Promise<number> {
  return new Promise((resolve) => {
    const at = { host: '127.0.0.1', port };
    const socket = tls === undefined ? connectTcp(at) : connectTls({ ...at, rejectUnauthorized: false, ...tls });
    socket.setTimeout(10_000, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('data', (chunk: Buffer) => {
      resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(chunk.toString('latin1'))?.[1] ?? 0));
      socket.destroy();
    });
    socket.on('close', () => resolve(0));
    socket.write(Buffer.from(request, 'latin1'));
  });
}
