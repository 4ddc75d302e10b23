// Addresses and small networks that an operator names: "10.0.0.9", "10.1.0.0/16", "2001:db8::/48".
import { BlockList, isIP } from 'node:net';
import { CellwallError } from './errors.ts';

export interface AddressSet {
  /** False for anything that is not an address. */
  has(address: string): boolean;
}

/** Wider networks are not specific enough. */
const widest = { 4: 16, 6: 48 } as const;

/** Throws `invalid_argument`. */
export function createAddressSet(texts: readonly string[]): AddressSet {
  const list = new BlockList();
  for (const text of texts) {
    const [address = '', prefix, ...rest] = text.split('/');
    const version = isIP(address);
    const bits = prefix === undefined ? undefined : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    const most = version === 4 ? 32 : 128;
    if ((version !== 4 && version !== 6) || rest.length > 0 || address.includes('%')) throw refused(text);
    const family = version === 4 ? 'ipv4' : 'ipv6';
    if (bits === undefined) list.addAddress(address, family);
    else if (bits >= widest[version] && bits <= most) list.addSubnet(address, bits, family);
    else throw refused(text);
  }
  return {
    has(address) {
      const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
      const version = isIP(plain);
      return version !== 0 && list.check(plain, version === 4 ? 'ipv4' : 'ipv6');
    },
  };
}

function refused(text: string): CellwallError {
  return new CellwallError(
    'invalid_argument',
    `${JSON.stringify(text)} is no address, nor a network that is small enough`,
    {
      hint: `as in 10.0.0.9, 10.1.0.0/16 (no wider) or 2001:db8::/48 (no wider)`,
    },
  );
}
