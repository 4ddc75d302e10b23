// What is said of a call to a wrong port or with a wrong scheme: something that a person can act on, in one line.
import { createServer } from 'node:http2';
import { expect, it } from 'vitest';
import { boundedCall } from '../../src/lib/bounded-call.ts';

it('a port for gRPC, called by HTTP/1.1 or by TLS, is told as that', async () => {
  const server = createServer((_request, response) => void response.writeHead(415).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const at = `127.0.0.1:${address.port}`;
  const call = (scheme: string) => boundedCall({ who: 'the collector', url: `${scheme}://${at}/v1/logs` });
  await expect(call('http')).rejects.toThrow(
    `the collector at http://${at}: no HTTP/1.1 there: is that a port for gRPC (4317, say; 4318 is for HTTP), or for TLS?`,
  );
  await expect(call('https')).rejects.toThrow(
    `the collector at https://${at}: no TLS there: is http:// meant, or another port?`,
  );
  server.close();
});
