// Whether it is possible to listen on an address: Envoy itself would only reject the listener, and continue without it, or share the port
// with another Envoy (SO_REUSEPORT).
import { createServer } from 'node:net';
import { type Listening, listening } from '../../lib/listening.ts';
import { portHolder } from './port-holder.ts';

/** Throws `unavailable` if another program listens there, or the address does not belong to this host. */
export function checkPort(where: Listening): Promise<void> {
  const { host, port } = where.address;
  return listening(
    { ...where, holder: portHolder },
    () =>
      new Promise<void>((resolve, reject) => {
        const server = createServer();
        server.once('error', (reason) => {
          // Ports below 1024 are left to Envoy to try: it may have rights that this process lacks.
          if ('code' in reason && (reason.code === 'EADDRINUSE' || reason.code === 'EADDRNOTAVAIL')) reject(reason);
          else resolve();
        });
        server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
      }),
  );
}
