// The fetched keys of issuers of tokens, kept in the store, sealed with the data folder's key.
import { join } from 'node:path';
import { createMeshKeys, type MeshKeys } from '../identity/jwt/mesh-keys.ts';
import { createSealedTable, sealKey } from '../identity/sealed-table.ts';
import type { Clock } from '../lib/clock.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Store } from '../store/store.ts';

export interface OpenMeshKeysDeps {
  readonly data: string;
  readonly store: Pick<Store, 'table'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
  readonly onChange: () => void;
}

const name = 'issuer-keys';

export async function openMeshKeys({
  data,
  store,
  clock,
  log,
  lifecycle,
  onChange,
}: OpenMeshKeysDeps): Promise<MeshKeys> {
  const table = createSealedTable({ table: store.table(name), name, key: sealKey(join(data, 'seal.key')), log });
  const keys = createMeshKeys({ table, clock, log, onChange });
  lifecycle.defer('keys of issuers', async () => keys.stop());
  await keys.restore();
  return keys;
}
