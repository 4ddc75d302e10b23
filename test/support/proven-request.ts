// A request to the admin API as the command line makes it: the token is proven in the handshake, and not sent.
import { createExchange } from '../../src/admin/exchange.ts';
import { Redacted } from '../../src/lib/redacted.ts';

export function provenRequest(
  port: number,
  token: string,
  [method, path]: readonly ['GET' | 'POST', string],
  body?: object,
): Promise<{ readonly status: number; readonly text: string }> {
  const exchange = createExchange({
    url: `127.0.0.1:${port}`,
    credential: { kind: 'token', token: new Redacted(token) },
    timeoutMs: 10_000,
  });
  return exchange.send(method, path, body);
}
