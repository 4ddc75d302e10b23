// A store that several control planes can reach belongs to one CA: proxies trust the root they joined under, and a second root among them
// cuts off whoever is served by the other one. The store remembers which CA it was first used with.
import { CellwallError } from '../lib/errors.ts';
import type { Table } from '../lib/table.ts';

export interface SameAuthority {
  readonly table: Table;
  /** The folder of the CA, for whoever has to restore the right one. */
  readonly folder: string;
  /** The existing roots; none yet: one would be created. */
  readonly fingerprints: readonly string[];
}

const key = 'root';

/** Throws `failed_precondition` if the store belongs to another CA. The first one that checks with a root makes it its own. */
export async function checkSameAuthority({ table, folder, fingerprints }: SameAuthority): Promise<void> {
  const [own] = fingerprints;
  const first = own === undefined ? await table.get(key) : (await table.claim(key, own)).value;
  if (first === undefined || first === own) return;
  if (own !== undefined && fingerprints.some((fingerprint) => fingerprint === first)) {
    // Its root was replaced since: the next one to look may not remember the old one. Of a store that is away the next start says it.
    await table.compareAndSet(key, first, own).catch((reason: unknown) => {
      if (CellwallError.from(reason).code !== 'unavailable') throw reason;
    });
    return;
  }
  throw new CellwallError(
    'failed_precondition',
    `the store was first used with another CA than ${own === undefined ? 'the one that would be made' : 'that'} in ${folder}`,
    {
      hint:
        `put "ca/" and "seal.key" of that control plane's data folder in place of these; with a bootstrap secret of that deployment ` +
        `(--bootstrap-secret) nothing has to be put here; to start anew, with new ` +
        `tokens for everybody, delete PREFIX:table:authority:${key} in Redis (PREFIX is cellwall, unless a store option says otherwise)`,
    },
  );
}
