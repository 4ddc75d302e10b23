// Addresses that a document may name but that are hardly ever intended as an endpoint: the author is told where calls to them go.
import { BlockList, isIPv6 } from 'node:net';

/** What is wrong with it, to complete "the address …"; undefined for any other address. Loopback is fine: tests and single hosts use it. */
export function doubtfulAddress(address: string): string | undefined {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  return ranges.find(({ list }) => list.check(address, family))?.what;
}

function range(what: string, ...subnets: readonly (readonly [string, number])[]) {
  const list = new BlockList();
  for (const [net, prefix] of subnets) list.addSubnet(net, prefix, isIPv6(net) ? 'ipv6' : 'ipv4');
  return { what, list };
}

/** RFC 6890 (special-purpose addresses); the metadata services of the large clouds. First match wins. */
const ranges = [
  range('names no host: connecting to it reaches the caller itself', ['0.0.0.0', 8], ['::', 128]),
  range(
    "is a cloud's metadata service, which hands out credentials",
    ['169.254.169.254', 32],
    ['169.254.170.2', 32],
    ['fd00:ec2::254', 128],
    ['100.100.100.200', 32],
    ['168.63.129.16', 32],
  ),
  range('is link-local: another host for each caller', ['169.254.0.0', 16], ['fe80::', 10]),
  range('is a multicast or reserved address', ['224.0.0.0', 3], ['ff00::', 8]),
] as const;
