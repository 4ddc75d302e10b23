// Who counts as one where places and attempts are shared out by address: an IPv4 address, or an IPv6 network of 64 bits. Whoever has one
// IPv6 address usually has a whole /64 (RFC 6177), and could otherwise come from another address each time.
import { isIP } from 'node:net';

/** IPv4 inside of IPv6, which is the same host: mapped (RFC 4291, 2.5.5.2), and translated with the well-known prefix (RFC 6052). */
const embedding: readonly string[] = ['0:0:0:0:0:ffff', '64:ff9b:0:0:0:0'];

/** What is no address is returned as it is. */
export function sourceOf(address: string): string {
  const [plain = '', zone] = address.split('%');
  if (isIP(plain) !== 6) return address;
  const groups = groupsOf(plain);
  if (embedding.includes(groups.slice(0, 6).map(hex).join(':'))) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 255])
      .join('.');
  }
  return `${groups.slice(0, 4).map(hex).join(':')}::/64${zone === undefined ? '' : `%${zone}`}`;
}

/** Eight numbers of 16 bits. */
function groupsOf(address: string): readonly number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const [, before = '', ...bytes] = dotted ?? [];
  const [a = 0, b = 0, c = 0, d = 0] = bytes.map(Number);
  const text = dotted === null ? address : `${before}${hex(a * 256 + b)}:${hex(c * 256 + d)}`;
  const [head = [], tail = []] = text.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
}

function hex(group: number): string {
  return group.toString(16);
}
