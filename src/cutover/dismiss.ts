// The gate's reasons, without those that an operator disregards by naming addresses: otherwise a peer that proves nothing about itself
// could block a change for ever, from anywhere. Only for reasons that have nothing but an address; they are still reported. Pure.
import { createAddressSet } from '../lib/address-set.ts';
import type { CutOverReason } from './cut-over-reason.ts';

/** `addresses` as createAddressSet parses them; throws `invalid_argument`. */
export function dismiss(reasons: readonly CutOverReason[], addresses: readonly string[]): readonly CutOverReason[] {
  const named = createAddressSet(addresses);
  return reasons.map((reason) =>
    reason.address === undefined || !named.has(reason.address)
      ? reason
      : { ...reason, why: `${reason.why} (disregarded by --ignore-address)`, warning: true },
  );
}
