// Whether an address is free for what is about to listen there: Envoy, which would share a port with another Envoy rather than fail
// (SO_REUSEPORT), or tell of it in the middle of its own log.
import { createServer } from 'node:net';
import { type Listening, listening } from '../lib/listening.ts';

/** Throws `unavailable` if it is taken, or not of this host. What this process may not do, Envoy may. */
export async function checkFree(where: Listening): Promise<void> {
  const { host, port } = where.address;
  await listening(where, () =>
    tryPort(host, port).catch((reason: unknown) => {
      if (reason instanceof Error && 'code' in reason && reason.code === 'EACCES') return port;
      throw reason;
    }),
  );
}

/** The port, if it could be had; nothing listens on it afterwards. */
export function tryPort(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : port));
    });
  });
}
