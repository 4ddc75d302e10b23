// What a TCP client hears, with or without TLS: until `enough`, or the end, or a second of silence.
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Hear {
  readonly port: number;
  readonly tls?: { readonly certificate?: string; readonly key?: string };
  readonly say?: string | undefined;
  readonly enough?: string;
}

export function hear({ port, tls, say, enough }: Hear): Promise<string> {
  return new Promise((resolve) => {
    const socket =
      tls === undefined
        ? connectTcp({ host: '127.0.0.1', port })
        : connectTls({
            host: '127.0.0.1',
            port,
            rejectUnauthorized: false,
            ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
            ...(tls.key === undefined ? {} : { key: tls.key }),
          });
    let heard = '';
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
      if (heard === enough) socket.destroy();
    });
    socket.on('close', () => resolve(heard));
    if (say !== undefined) socket.write(say, 'latin1');
  });
}
