// While the control plane says that this host, or its identity, is banned or evicted, nobody gets the identity from this socket.
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Watchable } from '../lib/watchable.ts';

/** What it says; undefined while it accepts this host. */
export type Refusal = Watchable<CellwallError | undefined>;

/** For callers: PERMISSION_DENIED, as the standard has it for who is not entitled to an SVID (SPIFFE Workload API §5.2.1, §6.2.1). */
export function refusedBy(refusal: Refusal | undefined): CellwallError | undefined {
  const reason = refusal?.value();
  if (reason === undefined) return undefined;
  const { message, hint } = reason;
  return new CellwallError('permission_denied', `this host has no identity now: ${message}`, defined({ hint }));
}
