// The addresses that Envoy will listen on are free before it starts: what a killed helper's Envoy holds is freed, what a foreign program
// holds is told.

import { formatHostPort, type HostPort } from '../../lib/host-port.ts';
import type { Listening } from '../../lib/listening.ts';
import type { AdminAddress } from './bootstrap.ts';
import { checkPort } from './check-port.ts';
import { type EndLeftoverOptions, endLeftover } from './end-leftover.ts';
import type { LeftoverEnvoy } from './envoy-record.ts';

export interface FreePortsOptions extends EndLeftoverOptions {
  readonly inbounds: readonly HostPort[];
  readonly admin: AdminAddress;
  readonly leftover: LeftoverEnvoy | undefined;
}

export interface FreePorts {
  /** Ends the leftover. Throws before it does if another program has an address, so that what serves is left as it is. */
  free(): Promise<void>;
}

/** Looks at once, as that takes 10 ms (node:net's first server), beside whatever else is waited for. */
export function freePorts({ inbounds, admin, leftover, ...options }: FreePortsOptions): FreePorts {
  const wanted: Listening[] = inbounds.map((address) => ({ what: 'callers', flag: '--listen', address }));
  if (admin.kind === 'tcp' && admin.port > 0) {
    wanted.push({ what: "Envoy's admin interface", flag: '--envoy-admin', address: admin });
  }
  const held = (at: HostPort): boolean =>
    leftover?.inbounds.includes(formatHostPort(at)) === true ||
    (leftover?.admin?.kind === 'tcp' && formatHostPort(leftover.admin) === formatHostPort(at));
  const others = Promise.all(wanted.filter(({ address }) => !held(address)).map(checkPort));
  // Told by free(); until then it is nobody's.
  others.catch(() => {});
  return {
    async free() {
      await others;
      if (leftover === undefined) return;
      await endLeftover(leftover, options);
      await Promise.all(wanted.filter(({ address }) => held(address)).map(checkPort));
    },
  };
}
