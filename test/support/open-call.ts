// Something that stays open: a TCP connection or an HTTP/2 stream, through which bytes come back as long as it lives.
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { TestCertificate } from './test-ca.ts';

export interface OpenCall {
  /** Resolves once `text` came back; rejects when it is over or nothing came in time. */
  echo(text: string): Promise<void>;
  /** When it ended, by `performance.now()`. */
  readonly ended: Promise<number>;
  isOpen(): boolean;
  close(): void;
}

export interface OpenCallOptions {
  readonly kind: 'tcp' | 'stream';
  readonly port: number;
  /** Absent: plaintext, as an application speaks to its own sidecar. */
  readonly svid?: Pick<TestCertificate, 'certificate' | 'key'>;
  /** SNI, as the caller's sidecar sends it. */
  readonly serverName?: string;
  /** How long an echo may take. Default 2000. */
  readonly echoMs?: number;
}

export function openCall({ kind, port, svid, serverName, echoMs = 2000 }: OpenCallOptions): OpenCall {
  const socket =
    svid === undefined
      ? connectTcp({ host: '127.0.0.1', port })
      : connectTls({
          host: '127.0.0.1',
          port,
          rejectUnauthorized: false,
          cert: svid.certificate,
          key: svid.key,
          ...(serverName === undefined ? {} : { servername: serverName }),
          ...(kind === 'tcp' ? {} : { ALPNProtocols: ['h2'] }),
        });
  socket.on('error', () => undefined);
  if (kind === 'tcp') return over(socket, echoMs, () => socket.destroy());
  const session = connectHttp2('http://127.0.0.1', { createConnection: () => socket });
  session.on('error', () => undefined);
  const stream = session.request({ ':method': 'POST', ':path': '/echo' }, { endStream: false });
  return over(stream, echoMs, () => session.destroy());
}

function over(duplex: Duplex, echoMs: number, close: () => void): OpenCall {
  let received = '';
  let open = true;
  let look = (): void => undefined;
  duplex.setEncoding('utf8');
  duplex.on('data', (text: string) => {
    received += text;
    look();
  });
  duplex.on('error', () => undefined);
  const ended = new Promise<number>((resolve) => {
    const end = (): void => {
      open = false;
      resolve(performance.now());
      look();
    };
    duplex.once('end', end);
    duplex.once('close', end);
  });
  return {
    ended,
    isOpen: () => open,
    close,
    echo: (text) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`no echo of ${text} within ${echoMs} ms`)), echoMs);
        look = () => {
          if (!received.includes(text) && open) return;
          clearTimeout(late);
          if (received.includes(text)) resolve();
          else reject(new Error(`ended before ${text} came back`));
        };
        duplex.write(text);
        look();
      }),
  };
}
