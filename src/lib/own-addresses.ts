// The addresses at which others reach this host.
import { networkInterfaces } from 'node:os';

/** Beyond loopback, of both families; no link-local ones of IPv6, which would need their zone. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.flatMap(({ address, internal }) => (internal || address.startsWith('fe80:') ? [] : [address])),
  );
}

/** Those at which a socket at `address` is reached from other hosts: `0.0.0.0` and `::` stand for all of this host. */
export function reachedAt(address: string, own = ownAddresses()): readonly string[] {
  const all = address === '::' ? own : address === '0.0.0.0' ? own.filter((one) => !one.includes(':')) : [address];
  // A host without a network may get one.
  return all.length === 0 ? [address] : all;
}
