// An HTTP/2 client that goes on where a library would heed GOAWAY.
import { connect } from 'node:tls';
import {
  ack,
  endHeaders,
  endStream,
  frameReader,
  frameType,
  headerBlock,
  http2Frame,
  preface,
  settings,
  windowUpdate,
} from './raw-http2.ts';
import type { TestCertificate } from './test-ca.ts';

export interface UnheedingHttp2 {
  /** Whether an answer began, before a reset or the connection's end. */
  request(path: string): Promise<boolean>;
  /** Bytes of DATA so far, of all streams. */
  received(): number;
  goneAway(): boolean;
  close(): void;
}

export function unheedingHttp2(port: number, svid: TestCertificate): UnheedingHttp2 {
  const socket = connect({
    host: '127.0.0.1',
    port,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
    cert: svid.certificate,
    key: svid.key,
  });
  const waiting = new Map<number, (answered: boolean) => void>();
  let next = 1;
  let bytes = 0;
  let gone = false;
  const settle = (id: number, answered: boolean): void => {
    waiting.get(id)?.(answered);
    waiting.delete(id);
  };
  socket.on('close', () => {
    for (const id of [...waiting.keys()]) settle(id, false);
  });
  socket.on('error', () => undefined);
  socket.on(
    'data',
    frameReader(({ type, flags, stream, payload }) => {
      const acknowledged = (flags & ack) !== 0;
      if (type === frameType.settings && !acknowledged) socket.write(http2Frame(frameType.settings, ack, 0));
      if (type === frameType.ping && !acknowledged) socket.write(http2Frame(frameType.ping, ack, 0, payload));
      if (type === frameType.goaway) gone = true;
      if (type === frameType.headers) settle(stream, true);
      if (type === frameType.reset) settle(stream, false);
      if (type !== frameType.data || payload.length === 0) return;
      bytes += payload.length;
      socket.write(Buffer.concat([windowUpdate(0, payload.length), windowUpdate(stream, payload.length)]));
    }),
  );
  socket.write(Buffer.concat([preface, settings({})]));
  return {
    request(path) {
      const id = next;
      next += 2;
      return new Promise((resolve) => {
        if (socket.destroyed) {
          resolve(false);
          return;
        }
        waiting.set(id, resolve);
        const block = headerBlock([
          [':method', 'GET'],
          [':scheme', 'https'],
          [':authority', 'a'],
          [':path', path],
        ]);
        socket.write(http2Frame(frameType.headers, endHeaders | endStream, id, block));
      });
    },
    received: () => bytes,
    goneAway: () => gone,
    close: () => void socket.destroy(),
  };
}
