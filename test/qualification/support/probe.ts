// Requests over one HTTP/2 connection that stays open: allowed, or refused.
import { connect } from 'node:http2';
import type { Context } from '../item.ts';

export type Answer = 'allowed' | 'refused';

export interface Probe {
  ask(): Promise<Answer>;
  /** Asks, one request after the other, until the answer is this; answers when that came, in epoch milliseconds. */
  until(answer: Answer): Promise<number>;
}

const timeoutMs = 15_000;

export function probe(port: number, defer: Context['defer']): Probe {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  defer(() => session.destroy());
  const ask = (): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const request = session.request({ ':method': 'POST', ':path': '/probe' });
      request.on('response', (headers) => {
        const status = headers[':status'];
        if (status === 200) resolve('allowed');
        else if (status === 403) resolve('refused');
        else reject(new Error(`status ${status}`));
      });
      request.on('error', reject);
      request.resume();
      request.end();
    });
  return {
    ask,
    async until(wanted) {
      const end = performance.now() + timeoutMs;
      for (;;) {
        const answer = await ask().catch(() => undefined);
        if (answer === wanted) return performance.timeOrigin + performance.now();
        if (performance.now() > end) throw new Error(`not ${wanted} within ${timeoutMs} ms on the open connection`);
        if (session.destroyed) throw new Error('the open connection is gone');
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}
