// The store chosen by the options, judged by policy.
import { join } from 'node:path';
import { knownRoot } from '../identity/ca/known-root.ts';
import { sealKey } from '../identity/sealed-table.ts';
import { fromCatalog } from '../lib/catalog.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { checkNamedOptions } from '../lib/named-options.ts';
import { stores } from '../store/catalog.ts';
import type { Store } from '../store/store.ts';
import type { StoreKind, StoreSettings } from '../store/store-kind.ts';
import { installSealKey } from './install-seal-key.ts';
import { checkSameAuthority } from './same-authority.ts';
import { checkSameSecret } from './same-secret.ts';
import type { ServeOptions } from './serve-options.ts';

export interface OpenedStore extends Pick<StoreKind, 'alsoChangedBy'> {
  readonly store: Store;
}

/** Documents of another trust domain than that of the data folder's CA refuse the start, before any of them is stored. */
export async function openStore(
  {
    store: { kind: name, options },
    data,
    ca,
    storeSealKey,
    bootstrapSecret,
    parent,
    state = join(data, 'state'),
  }: Pick<ServeOptions, 'store' | 'data' | 'ca' | 'storeSealKey' | 'bootstrapSecret' | 'parent'> & {
    readonly state?: string;
  },
  deps: Pick<StoreSettings, 'check' | 'holding' | 'review' | 'onParsed' | 'clock' | 'log'>,
): Promise<OpenedStore> {
  const undo = installSealKey(data, defined({ storeSealKey, bootstrapSecret }));
  const kind: StoreKind = await fromCatalog<() => Promise<StoreKind>>('store', stores, name)();
  checkNamedOptions(`the store "${name}"`, '--store-option', kind.options, options);
  const store = await kind.open({
    options,
    state,
    sealKey: () => sealKey(join(data, 'seal.key')),
    check: deps.check,
    holding: deps.holding,
    ...defined({ onParsed: deps.onParsed, review: deps.review }),
    clock: deps.clock,
    log: deps.log.child({ room: 'store' }),
  });
  if (kind.alsoChangedBy === 'replicas') {
    // Before an operator is asked for anything: what another control plane sealed is not a state of this one, and must not be overwritten.
    await checkOwner(store, defined({ data, ca, bootstrapSecret, parent })).catch(async (reason: unknown) => {
      // The store is unavailable: it is checked again before there are identities.
      if (CellwallError.from(reason).code === 'unavailable') return;
      await store.close();
      undo();
      throw reason;
    });
  }
  const other = store.problems().find(({ code }) => code === 'trust-domain-changed');
  if (other === undefined)
    return { store, ...(kind.alsoChangedBy === undefined ? {} : { alsoChangedBy: kind.alsoChangedBy }) };
  await store.close();
  const { file, line, column } = other.source;
  throw new CellwallError('failed_precondition', `${file}:${line}:${column}: ${other.message}`, {
    hint: `is this the right --documents (or Redis) for the data folder ${data}? ${other.hint ?? ''}`,
  });
}

/** Throws `failed_precondition` if the store belongs to another deployment. */
async function checkOwner(
  store: Pick<Store, 'table'>,
  { data, ca, bootstrapSecret, parent }: Pick<ServeOptions, 'data' | 'ca' | 'bootstrapSecret' | 'parent'>,
): Promise<void> {
  const table = store.table('authority');
  const claim = bootstrapSecret !== undefined;
  await checkSameSecret({ table, sealKey: sealKey(join(data, 'seal.key')), claim });
  // With a bootstrap secret the CA is in the store, and comes from there.
  if (claim || parent !== undefined || (ca?.kind ?? 'built-in') !== 'built-in') return;
  const folder = join(data, 'ca');
  const known = knownRoot(folder);
  await checkSameAuthority({ table, folder, fingerprints: known === undefined ? [] : known.fingerprints });
}
