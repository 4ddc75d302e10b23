// Whether this host has the IPv6 loopback address: if not, Envoy cannot listen there.
import { createServer } from 'node:net';

export function hasLoopback6(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '::1', port: 0 }, () => server.close(() => resolve(true)));
  });
}
