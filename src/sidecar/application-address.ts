// Where a sidecar's application listens: an address on its host, or a Unix socket.
import { CellwallError } from '../lib/errors.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { formatSocketPath, parseSocketPath, type SocketPath } from '../lib/socket-path.ts';
import { readIpPort } from './host-port.ts';

export type ApplicationAddress = HostPort | SocketPath;

/** "ip:port" or "unix:/path". Throws `invalid_argument`. */
export function parseApplication(text: string): ApplicationAddress {
  if (!text.startsWith('unix:')) return readIpPort('application address', text);
  const socket = parseSocketPath(text);
  if (socket !== undefined) return socket;
  throw new CellwallError('invalid_argument', `application address ${JSON.stringify(text)} is no socket`, {
    hint: 'unix: and an absolute path of 107 bytes at most, as in unix:/run/app/app.sock',
  });
}

/** As in options and claims. */
export function formatApplication(application: ApplicationAddress): string {
  return 'path' in application ? formatSocketPath(application) : formatHostPort(application);
}
