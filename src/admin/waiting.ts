// Everything that waits for approval, wherever it is kept: what was held of applies, and what somebody wrote into the store directly.
import { CellwallError } from '../lib/errors.ts';
import { revOf } from '../store/rev-of.ts';
import type { Store } from '../store/store.ts';
import type { WaitingChange } from '../store/waiting-change.ts';
import type { HeldChanges } from './held-changes.ts';

export interface Waiting {
  /** The oldest first. */
  list(): Promise<readonly WaitingChange[]>;
  /**
   * Those of these names, each once; `allOf` names all of them. Throws `not_found` if one does not wait (any more): its bytes may have
   * changed.
   */
  find(revs: readonly string[]): Promise<readonly WaitingChange[]>;
  /** They are in force. */
  approved(changes: readonly WaitingChange[]): Promise<void>;
  /** They are not to be: what the store holds of them is restored. Throws `aborted` for one that has changed meanwhile. */
  reject(changes: readonly WaitingChange[]): Promise<void>;
}

export function createWaiting({
  held,
  store,
}: {
  readonly held: Pick<HeldChanges, 'list' | 'drop'>;
  readonly store: Pick<Store, 'direct'>;
}): Waiting {
  const inStore = (): readonly WaitingChange[] => store.direct?.waiting() ?? [];
  const list = async (): Promise<readonly WaitingChange[]> =>
    [...inStore(), ...(await held.list())].sort((a, b) => a.since - b.since);
  return {
    list,
    async find(revs) {
      const all = await list();
      const named = new Map(all.map((change) => [change.rev, change]));
      if (all.length > 0 && revs.includes(allOf(all))) return all;
      return [...new Set(revs)].map((rev) => {
        const found = named.get(rev);
        if (found !== undefined) return found;
        throw new CellwallError('not_found', `nothing waits as ${JSON.stringify(rev)}`, {
          hint: 'it was decided or taken back, or is not what it was: "cellwall waiting" shows what waits now',
        });
      });
    },
    async approved(changes) {
      for (const { rev, origin } of changes) if (origin === 'held') await held.drop(rev);
    },
    async reject(changes) {
      const direct = changes.filter(({ origin }) => origin === 'direct');
      if (direct.length > 0) await store.direct?.reject(direct);
      for (const { rev, origin } of changes) if (origin === 'held') await held.drop(rev);
    },
  };
}

/** The name of all of them together. */
export function allOf(changes: readonly WaitingChange[]): string {
  return revOf(changes.map(({ rev }) => rev).sort());
}
