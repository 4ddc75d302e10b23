// Calls without a pause to a port with mTLS, on connections that stay open, HTTP/1.1 and HTTP/2: some that are always to be allowed, some
// never. For tests that change what a proxy was sent meanwhile.
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request } from 'node:https';
import type { TestCertificate } from './test-ca.ts';

export interface SteadyCalls {
  /** Calls that were answered so far, of the lane that made the fewest. */
  fewest(): number;
  stop(): Promise<{
    readonly calls: number;
    /** Statuses other than 200 where everything is allowed, and how often. */
    readonly lost: Readonly<Record<string, number>>;
    /** Calls that nothing allows and that were let through. */
    readonly leaked: number;
  }>;
}

export interface SteadyCallsOptions {
  readonly port: number;
  readonly svid: TestCertificate;
  readonly allowed: string;
  readonly denied: string;
}

/** Three connections of either protocol; an HTTP/2 connection has two calls at once. */
export function steadyCalls({ port, svid, allowed, denied }: SteadyCallsOptions): SteadyCalls {
  const tls = { cert: svid.certificate, key: svid.key, rejectUnauthorized: false };
  const agents = [0, 1, 2].map(() => new Agent({ keepAlive: true, maxSockets: 1, ...tls }));
  const sessions = [0, 1, 2].map(() => connectHttp2(`https://127.0.0.1:${port}`, tls).on('error', () => undefined));
  const overHttp1 = (agent: Agent, path: string): Promise<number> =>
    new Promise((resolve) => {
      request({ host: '127.0.0.1', port, path, agent }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
      })
        .on('error', () => resolve(0))
        .end();
    });
  const overHttp2 = (session: (typeof sessions)[number], path: string): Promise<number> =>
    new Promise((resolve) => {
      let status = 0;
      session
        .request({ ':path': path })
        .on('response', (headers) => {
          status = headers[':status'] ?? 0;
        })
        .on('error', () => resolve(0))
        .on('close', () => resolve(status))
        .resume()
        .end();
    });
  let going = true;
  let leaked = 0;
  const lost: Record<string, number> = {};
  const made: number[] = [];
  const lane = async (call: (path: string) => Promise<number>, index: number): Promise<void> => {
    made[index] = 0;
    while (going) {
      const status = await call(allowed);
      if (status !== 200) lost[status] = (lost[status] ?? 0) + 1;
      if ((await call(denied)) === 200) leaked += 1;
      made[index] = (made[index] ?? 0) + 2;
    }
  };
  const lanes = [
    ...agents.map((agent) => (path: string) => overHttp1(agent, path)),
    ...[...sessions, ...sessions].map((session) => (path: string) => overHttp2(session, path)),
  ].map(lane);
  return {
    fewest: () => Math.min(...made),
    async stop() {
      going = false;
      await Promise.all(lanes);
      for (const agent of agents) agent.destroy();
      for (const session of sessions) session.destroy();
      return { calls: made.reduce((sum, one) => sum + one, 0), lost, leaked };
    },
  };
}
