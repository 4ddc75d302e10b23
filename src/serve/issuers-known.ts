// Which root is over an intermediate, as access logs name it: of those that sign here, and of those of cells.
import type { FollowerIssuers } from '../identity/follower-issuers.ts';
import { type RootsRecord, rootName } from '../identity/roots/roots-record.ts';
import type { LocalSigner } from '../identity/signer/local-signer.ts';

/** Names of the roots, by the common name of the intermediate. */
export async function issuersKnown(
  { roots }: RootsRecord,
  signer: Pick<LocalSigner, 'issuers'>,
  cells: Pick<FollowerIssuers, 'under'>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const known = new Map(await signer.issuers());
  for (const { pem } of roots) {
    const root = rootName(pem);
    for (const { name } of cells.under(pem)) known.set(name, [...new Set([...(known.get(name) ?? []), root])]);
  }
  return known;
}
