// Addresses in options.
import { CellwallError } from '../lib/errors.ts';
import { type HostPort, parseHostPort, parseIpPort } from '../lib/host-port.ts';

/** Throws with `what` in the message. */
export function readHostPort(what: string, text: string): HostPort {
  const at = parseHostPort(text);
  if (at !== undefined) return at;
  throw new CellwallError('invalid_argument', `${what} "${text}" is no "host:port"`, {
    hint: 'as in 127.0.0.1:18000, or [::1]:18000',
  });
}

/** The same, if only an IP address and a real port are acceptable. */
export function readIpPort(what: string, text: string): HostPort {
  const at = parseIpPort(text);
  if (at !== undefined && at.port > 0) return { host: at.address, port: at.port };
  throw new CellwallError('invalid_argument', `${what} "${text}" is no "ip:port"`, { hint: 'as in 10.0.0.5:8443' });
}
