// Whether an address can be listened on: Envoy itself would only refuse a listener, and go on without it.
import { createServer } from 'node:net';
import { CellwallError } from '../lib/errors.ts';
import { formatHostPort, type HostPort } from './host-port.ts';

/** Throws `failed_precondition` if another program listens there, or the address is not of this host. */
export function checkPort(what: string, at: HostPort): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause) => {
      const error = refusal(what, at, cause);
      if (error === undefined) resolve();
      else reject(error);
    });
    server.listen({ host: at.host, port: at.port, exclusive: true }, () => server.close(() => resolve()));
  });
}

function refusal(what: string, at: HostPort, cause: Error): CellwallError | undefined {
  const code = 'code' in cause ? cause.code : undefined;
  const { port } = at;
  if (code === 'EADDRINUSE') {
    return new CellwallError(
      'failed_precondition',
      `the ${what} address ${formatHostPort(at)} is taken by another program`,
      {
        hint: `see which: ss -ltnp 'sport = :${port}'; end it, or choose another port`,
        cause,
      },
    );
  }
  if (code === 'EADDRNOTAVAIL') {
    return new CellwallError('failed_precondition', `the ${what} address ${formatHostPort(at)} is not of this host`, {
      hint: 'use an address of one of its interfaces, or 0.0.0.0',
      cause,
    });
  }
  // A port below 1024 is Envoy's to try: it may have rights that this process has not.
  return undefined;
}
