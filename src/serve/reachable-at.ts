// Where other replicas can try to reach a port of this host. One that listens on every address is tried at each that the host has.
import { networkInterfaces } from 'node:os';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';

const most = 8;
const everywhere: readonly string[] = ['0.0.0.0', '::', ''];

/** "host:port". Empty if the port is not known: 0 means any. */
export function reachableAt({ host, port }: HostPort): readonly string[] {
  if (port === 0) return [];
  if (!everywhere.includes(host)) return [formatHostPort({ host, port })];
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .slice(0, most)
    .map(({ address }) => formatHostPort({ host: address, port }));
}
