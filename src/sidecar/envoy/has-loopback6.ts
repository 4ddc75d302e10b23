// Whether this host has the loopback address of IPv6: where it has none, Envoy could not listen there.
import { createServer } from 'node:net';

export function hasLoopback6(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '::1', port: 0 }, () => server.close(() => resolve(true)));
  });
}
