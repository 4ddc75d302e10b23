// A store that several control planes use belongs to one bootstrap secret. It remembers a name of the seal key, which tells nothing about
// it, so that whoever has another one is refused before anything else.
import { CellwallError } from '../lib/errors.ts';
import type { Redacted } from '../lib/redacted.ts';
import { deriveKey } from '../lib/seal.ts';
import type { Table } from '../lib/table.ts';

export interface SameSecret {
  readonly table: Table;
  readonly sealKey: Redacted<string>;
  /** It comes from a bootstrap secret: the first one makes the store its own. */
  readonly claim: boolean;
}

const key = 'secret';

/** Throws `failed_precondition` if the store belongs to another bootstrap secret. */
export async function checkSameSecret({ table, sealKey, claim }: SameSecret): Promise<void> {
  const own = deriveKey(sealKey, 'cellwall: id of a seal key').reveal().slice(0, 16);
  const first = claim ? (await table.claim(key, own)).value : await table.get(key);
  if (first === undefined || first === own) return;
  const what = claim ? 'another bootstrap secret' : 'a bootstrap secret, and this data folder has another seal.key';
  throw new CellwallError('failed_precondition', `the store belongs to a deployment with ${what}`, {
    hint: 'start with --bootstrap-secret FILE and the file of that deployment; or is this another store than you meant?',
  });
}
