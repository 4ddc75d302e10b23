// Which CA certificates lead from a leaf to its root, by their serials: for the issuance log, where they themselves would be too long.
import { fromPem } from './pem.ts';
import { serialAndDatesOf } from './serial-and-dates.ts';

export interface Certifiers {
  /** Serial of the CA certificate that signed the leaf, hex. */
  readonly authority: string;
  /** Serials of the CA certificates, from that one upward, without the root's. */
  readonly chain: readonly string[];
}

const endOfLeaf = '-----END CERTIFICATE-----\n';

/**
 * A function of a chain (PEM, leaf first): undefined where it holds no CA certificate. Many leaves have the same ones above them, so those
 * are read once.
 */
export function createCertifiers(): (chain: string) => Certifiers | undefined {
  let last: { readonly above: string; readonly found: Certifiers | undefined } | undefined;
  return (chain) => {
    const above = chain.slice(chain.indexOf(endOfLeaf) + endOfLeaf.length);
    if (last?.above !== above) last = { above, found: read(above) };
    return last.found;
  };
}

function read(above: string): Certifiers | undefined {
  if (!above.includes('-----BEGIN CERTIFICATE-----')) return undefined;
  const chain = fromPem(above, 'CERTIFICATE').map((der) => serialAndDatesOf(der).serial);
  const [authority] = chain;
  return authority === undefined ? undefined : { authority, chain };
}
