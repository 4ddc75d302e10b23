// The names of a service's ports, as used by documents, sidecars and proxies.

/** The port of a service without a list of ports, and the one that is meant if none is named. */
export const defaultPort = 'default';

/** The maximum for one service: each costs every proxy of it a listener, and every caller a cluster. */
export const maxServicePorts = 16;

/** A DNS label, as documents have it (model/documents/common.ts). */
export function isPortName(text: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
}
