// Addresses on the command line: `host:port`, `[::1]:port`, `ip:port`, or a port alone.
import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import { type HostPort, type IpPort, parseHostPort as readHostPort } from '../../lib/host-port.ts';
import { parseSocketPath } from '../../lib/socket-path.ts';
import type { ApplicationAddress } from '../run.ts';

/** `host:port`. */
export function parseHostPort(text: string): HostPort {
  const at = readHostPort(text);
  if (at !== undefined) return at;
  throw new InvalidArgumentError(`not host:port: ${JSON.stringify(text)}, as in 127.0.0.1:18000`);
}

/** `ip:port`, or only a port, on loopback. */
export function parseIpPort(text: string): IpPort {
  const { host, port } = parseHostPort(/^\d{1,5}$/.test(text) ? `127.0.0.1:${text}` : text);
  if (isIP(host) === 0)
    throw new InvalidArgumentError(
      `an IP address is needed, not the name ${JSON.stringify(host)}${host === 'localhost' ? ': 127.0.0.1' : ''}`,
    );
  return { address: host, port };
}

/** The same, or `unix:/path`. */
export function parseApplication(text: string): ApplicationAddress {
  if (!text.startsWith('unix:')) return parseIpPort(text);
  const socket = parseSocketPath(text);
  if (socket !== undefined) return socket;
  throw new InvalidArgumentError(
    'unix: and an absolute path without "..", of 107 bytes at most, are needed, as in unix:/run/app/app.sock',
  );
}

/** A host name or address, no port. */
export function parseHost(text: string): string {
  if (isIP(text) === 6) return text;
  return parseHostPort(`${text}:0`).host;
}
