// "host:port" as options have it; IPv6 in brackets.
import { CellwallError } from '../lib/errors.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Throws with `what` in the message. */
export function parseHostPort(what: string, text: string): HostPort {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host !== undefined && port >= 0 && port <= 65_535) return { host, port };
  throw new CellwallError('invalid_argument', `${what} "${text}" is no "host:port"`, {
    hint: 'as in 127.0.0.1:18000, or [::1]:18000',
  });
}

/** The same, where only an IP address and a real port do. */
export function parseIpPort(what: string, text: string): HostPort {
  const parsed = parseHostPort(what, text);
  if (/^[0-9.]+$|:/.test(parsed.host) && parsed.port > 0) return parsed;
  throw new CellwallError('invalid_argument', `${what} "${text}" is no "ip:port"`, { hint: 'as in 10.0.0.5:8443' });
}

/** As options have it. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
