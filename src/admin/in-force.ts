// The state in force, for routes that cannot answer without it, and for those that can.
import { CellwallError } from '../lib/errors.ts';
import { nothingStored, type Store, type StoreState } from '../store/store.ts';

/** Throws `unavailable` as long as nothing could be loaded. */
export function inForce(store: Pick<Store, 'state' | 'problems'>): StoreState {
  const state = store.state();
  if (state !== undefined) return state;
  const [first] = store.problems();
  const why =
    first === undefined
      ? 'the store has not answered'
      : `${first.source.file}:${first.source.line}:${first.source.column}: ${first.message}`;
  throw new CellwallError('unavailable', `no documents could be loaded yet: ${why}`);
}

/** The same, but like an empty store if there is none: the first apply ends that. */
export function inForceOrNothing(store: Pick<Store, 'state'>): StoreState {
  return store.state() ?? nothingStored;
}
