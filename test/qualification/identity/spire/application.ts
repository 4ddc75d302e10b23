// An application that answers every request, for what stands in front of it.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Context } from '../../item.ts';

/** Where it listens. */
export async function startApplication({ defer }: Pick<Context, 'defer'>): Promise<number> {
  const server = createServer((_, response) => response.end('fine'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  defer(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}
