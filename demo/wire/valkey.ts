// PING, as a Redis client says it, on a connected socket, TLS or not.
import type { Socket } from 'node:net';
import { deadlineMs, failed, type Outcome } from './outcome.ts';

export function pingValkey(socket: Socket): Promise<Outcome> {
  return new Promise((resolve) => {
    let text = '';
    const finish = (outcome: Outcome): void => {
      clearTimeout(timer);
      socket.off('data', read).off('close', closed).off('error', broken);
      resolve(outcome);
    };
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      if (!text.endsWith('\r\n')) return;
      if (text === '+PONG\r\n') finish({ kind: 'ok', body: 'PONG', caller: {} });
      else finish({ kind: 'refused', code: 0, details: text.trim() });
    };
    const closed = (): void => finish(failed('the connection was closed without an answer'));
    const broken = (reason: Error): void => finish(failed(reason));
    const timer = setTimeout(() => finish(failed(`no answer in ${deadlineMs} ms`)), deadlineMs);
    socket.on('data', read).on('close', closed).on('error', broken);
    socket.write('PING\r\n');
  });
}
