// Bytes to a port, exactly as given, and everything that comes back until the other side closes or an answer is complete.
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Exchange {
  readonly port: number;
  readonly bytes: string;
  /** Present for TLS; without a certificate it is one-way. */
  readonly tls?: { readonly certificate?: string; readonly key?: string; readonly alpn?: string };
}

const limitMs = 5000;

/** What came back, one character a byte; empty if the connection was closed without a word. Rejects on silence. */
export function exchange({ port, bytes, tls }: Exchange): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket =
      tls === undefined
        ? connectTcp({ host: '127.0.0.1', port })
        : connectTls({
            host: '127.0.0.1',
            port,
            rejectUnauthorized: false,
            ALPNProtocols: [tls.alpn ?? 'http/1.1'],
            ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
            ...(tls.key === undefined ? {} : { key: tls.key }),
          });
    let heard = '';
    socket.setTimeout(limitMs, () => {
      reject(new Error(`neither an answer nor a close within ${limitMs} ms; heard ${JSON.stringify(heard)}`));
      socket.destroy();
    });
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
      // Envoy lingers for a second after a reply of its own.
      if (isComplete(heard)) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(heard));
    socket.write(bytes, 'latin1');
  });
}

function isComplete(text: string): boolean {
  const split = text.indexOf('\r\n\r\n');
  const length = /content-length: (\d+)/i.exec(text.slice(0, split))?.[1];
  return split !== -1 && length !== undefined && text.length >= split + 4 + Number(length);
}

/** Of the final answer in HTTP/1; 0 without one. */
export function statusOf(answer: string): number {
  return Number(/^(?:HTTP\/1\.1 100 [\s\S]*?\r\n\r\n)?HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 0);
}
