// The few calls that the helper makes to its Envoy's admin interface.
import { CellwallError } from '../../lib/errors.ts';
import type { AdminAddress } from './bootstrap.ts';

export interface EnvoyAdmin {
  /**
   * Starts a graceful drain of what peers reach: it keeps running, connections are asked to close. The application's outgoing calls are not
   * affected.
   */
  drain(): Promise<void>;
  /** Connections that peers and the application have, and their total so far; those of the admin interface are not counted. */
  connections(): Promise<{ readonly open: number; readonly ever: number }>;
}

/** Each call has 2 s, and rejects with `unavailable`. */
export function createEnvoyAdmin(address: AdminAddress): EnvoyAdmin {
  const target = address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port };
  const call = async (method: string, path: string): Promise<string> => {
    // Only when needed: importing node:http loads all of fetch and WebSocket (30 ms, 8 MB).
    const { request } = await import('node:http');
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void =>
        reject(new CellwallError('unavailable', `Envoy's admin does not answer: ${cause.message}`, { cause }));
      const outgoing = request(
        { ...target, method, path, agent: false, signal: AbortSignal.timeout(2000) },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('error', fail);
          response.on('end', () => resolve(text));
        },
      );
      outgoing.on('error', fail);
      outgoing.end();
    });
  };
  return {
    async drain() {
      await call('POST', '/drain_listeners?graceful&inboundonly');
    },
    async connections() {
      const text = await call('GET', '/stats?filter=^listener\\..*\\.downstream_cx_(active|total)$');
      let [open, ever] = [0, 0];
      for (const line of text.split('\n')) {
        const [name = '', count = '0'] = line.split(': ');
        // Per-worker numbers repeat the listener's.
        if (name.startsWith('listener.admin.') || name.includes('.worker_')) continue;
        if (name.endsWith('_active')) open += Number(count);
        else ever += Number(count);
      }
      return { open, ever };
    },
  };
}
