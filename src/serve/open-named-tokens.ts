// The named tokens of the admin API, in the store, sealed and encrypted with the data folder's key.
import { join } from 'node:path';
import { createNamedTokens, type NamedTokens } from '../admin/named-tokens.ts';
import { createSealedTable, sealKey } from '../identity/sealed-table.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Store } from '../store/store.ts';

export interface OpenNamedTokensOptions {
  readonly data: string;
  readonly store: Pick<Store, 'table'>;
  /** Other control planes may use the same store. */
  readonly shared: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

export function openNamedTokens({ data, store, shared, clock, log }: OpenNamedTokensOptions): Promise<NamedTokens> {
  const secret = sealKey(join(data, 'seal.key'));
  const name = 'admin-tokens';
  const table = createSealedTable({ table: store.table(name), name, key: secret, log });
  return createNamedTokens({ table, secret, shared, clock, log });
}
