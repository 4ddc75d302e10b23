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
    state = join(data, 'state'),
  }: Pick<ServeOptions, 'store' | 'data' | 'ca' | 'storeSealKey'> & { readonly state?: string },
  deps: Pick<StoreSettings, 'check' | 'holding' | 'review' | 'onParsed' | 'clock' | 'log'>,
): Promise<OpenedStore> {
  installSealKey(data, storeSealKey);
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
  if (kind.alsoChangedBy === 'replicas' && (ca?.kind ?? 'built-in') === 'built-in') {
    // Before an operator is asked for anything: what another control plane sealed is not a state of this one, and must not be overwritten.
    const folder = join(data, 'ca');
    const known = knownRoot(folder);
    const fingerprints = known === undefined ? [] : known.fingerprints;
    const authority = { table: store.table('authority'), folder, fingerprints };
    await checkSameAuthority(authority).catch(async (reason: unknown) => {
      // The store is unavailable: it is checked again before there are identities.
      if (CellwallError.from(reason).code === 'unavailable') return;
      await store.close();
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
