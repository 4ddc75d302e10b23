// Whether an address can be listened on: Envoy itself would only refuse a listener, and go on without it, or share the port with another
// Envoy (SO_REUSEPORT).
import { createServer } from 'node:net';
import { type Listening, listening } from '../../lib/listening.ts';
import { portHolder } from './port-holder.ts';

/** Throws `unavailable` if another program listens there, or the address is not of this host. */
export function checkPort(where: Listening): Promise<void> {
  const { host, port } = where.address;
  return listening(
    { ...where, holder: portHolder },
    () =>
      new Promise<void>((resolve, reject) => {
        const server = createServer();
        server.once('error', (reason) => {
          // A port below 1024 is Envoy's to try: it may have rights that this process has not.
          if ('code' in reason && (reason.code === 'EADDRINUSE' || reason.code === 'EADDRNOTAVAIL')) reject(reason);
          else resolve();
        });
        server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
      }),
  );
}
