// What the gate has against a change, less what an operator passes over by naming addresses: whoever proves nothing of himself could else
// hold it for ever, from anywhere. Only reasons that have nothing but an address; they are told all the same. Pure.
import { createAddressSet } from '../lib/address-set.ts';
import type { CutOverReason } from './cut-over-reason.ts';

/** `addresses` as createAddressSet reads them; throws `invalid_argument`. */
export function dismiss(reasons: readonly CutOverReason[], addresses: readonly string[]): readonly CutOverReason[] {
  const named = createAddressSet(addresses);
  return reasons.map((reason) =>
    reason.address === undefined || !named.has(reason.address)
      ? reason
      : { ...reason, why: `${reason.why} (passed over by --ignore-address)`, warning: true },
  );
}
