// Where something listens or is reached, and its notation: "host:port", an IPv6 address in brackets.
import { isIP } from 'node:net';

/** A name or an IP address, and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** An IP address and a port. */
export interface IpPort {
  readonly address: string;
  readonly port: number;
}

/** Undefined for any other text. Port 0 is accepted: listening there means requesting a free one. */
export function parseHostPort(text: string): HostPort | undefined {
  const [, inBrackets, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = inBrackets ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535 || (inBrackets !== undefined && isIP(inBrackets) !== 6)) return undefined;
  return { host, port };
}

/** The same, if only an IP address is acceptable. */
export function parseIpPort(text: string): IpPort | undefined {
  const at = parseHostPort(text);
  return at === undefined || isIP(at.host) === 0 ? undefined : { address: at.host, port: at.port };
}

export function formatHostPort(at: HostPort | IpPort): string {
  const host = 'host' in at ? at.host : at.address;
  return `${host.includes(':') ? `[${host}]` : host}:${at.port}`;
}
