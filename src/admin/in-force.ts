// What is in force, for routes that cannot answer without it, and for those that can.
import { CellwallError } from '../lib/errors.ts';
import { nothingStored, type Store, type StoreState } from '../store/store.ts';

/** Throws `unavailable` while nothing could be loaded yet. */
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

/** The same, as of an empty store: the first apply is what ends that. */
export function inForceOrNothing(store: Pick<Store, 'state'>): StoreState {
  return store.state() ?? nothingStored;
}
