// Addresses that documents may name but that the control plane never connects to: whoever writes documents must not be able to make it talk
// to a cloud's metadata service, say, in whatever notation.
import { BlockList, isIPv6 } from 'node:net';
import { doubtfulAddress } from '../policy/resolve/doubtful-address.ts';

/** Why not, to complete "the address …"; undefined if it may be probed. */
export function neverAsked(address: string): string | undefined {
  // A zone names the interface: it makes sense only on the caller's own host.
  if (address.includes('%')) return 'is link-local: another host for each caller';
  if (isIPv6(address) && carriers.check(address, 'ipv6')) return 'stands for an IPv4 address behind a translator';
  return doubtfulAddress(address);
}

/** NAT64 (RFC 6052, RFC 8215), 6to4, Teredo, IPv4-compatible: they embed another address. BlockList handles IPv4-mapped ones. */
const carriers = new BlockList();
for (const [net, prefix] of [
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['2001::', 32],
] as const)
  carriers.addSubnet(net, prefix, 'ipv6');
