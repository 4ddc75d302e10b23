// Something that has the admin token, and answers every request with whatever a test wants.
import { createServer } from 'node:https';
import { proofKey, proofTls } from '../../src/admin/proof.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { adminToken } from './admin-harness.ts';

export interface HostileAdmin {
  readonly address: string;
  /** From now on. A number: that many MiB of one text. */
  answers(body: string | number, status?: number): void;
  close(): void;
}

export async function startHostileAdmin(): Promise<HostileAdmin> {
  let [body, status]: [string | number, number] = ['', 200];
  const key = proofKey(new Redacted(adminToken));
  const server = createServer({ ...proofTls, pskCallback: () => key }, (request, response) => {
    request.resume();
    response.on('error', () => {});
    response.writeHead(status, { 'content-type': 'application/json' });
    if (typeof body === 'string') return response.end(body);
    const mebibyte = Buffer.alloc(1_048_576, 'x');
    response.write('"');
    for (let sent = 0; sent < body; sent++) response.write(mebibyte);
    return response.end('"');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    address: `127.0.0.1:${address.port}`,
    answers(next, code = 200) {
      [body, status] = [next, code];
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
