// The errors that all stores throw in the same way.
import { CellwallError } from '../lib/errors.ts';
import type { ApplyOptions, StoreState } from './store.ts';

/** Throws `aborted` if the author worked from another revision. */
export function refuseConflict(current: number, { expectedRevision }: Pick<ApplyOptions, 'expectedRevision'>): void {
  if (expectedRevision === undefined || expectedRevision === current) return;
  throw new CellwallError('aborted', `the store is at revision ${current}, not ${expectedRevision}`, {
    hint: 'someone else changed it: look at the change, then apply again',
  });
}

/** Throws `unavailable` where the store is away, with the reason. */
export function refuseAway(away: CellwallError | undefined): void {
  if (away === undefined) return;
  throw new CellwallError('unavailable', `documents cannot be changed now: ${away.message}`, {
    hint: 'what is in force stays; "cellwall status" says when the store is back',
  });
}

/** The state, or `unavailable` with the reason. */
export function requireState(state: StoreState | undefined, why: string): StoreState {
  if (state === undefined) throw new CellwallError('unavailable', `no documents could be loaded yet: ${why}`);
  return state;
}

/** Table names become parts of keys: letters, digits and hyphens. */
export function checkTableName(name: string): void {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(name)) throw new CellwallError('invalid_argument', `not a table name: "${name}"`);
}
