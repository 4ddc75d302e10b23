// The addresses that Envoy will listen on are free before it starts: what a killed helper's Envoy holds is freed, what a foreign program
// holds is told.

import type { Listening } from '../lib/listening.ts';
import type { AdminAddress } from './bootstrap.ts';
import { checkPort } from './check-port.ts';
import { type EndLeftoverOptions, endLeftover } from './end-leftover.ts';
import type { LeftoverEnvoy } from './envoy-record.ts';
import { formatHostPort, type HostPort } from './host-port.ts';

export interface FreePortsOptions extends EndLeftoverOptions {
  readonly inbound: HostPort | undefined;
  readonly admin: AdminAddress;
  readonly leftover: LeftoverEnvoy | undefined;
}

export async function freePorts({ inbound, admin, leftover, ...options }: FreePortsOptions): Promise<void> {
  const wanted: Listening[] = [];
  if (inbound !== undefined) wanted.push({ what: 'callers', flag: '--listen', address: inbound });
  if (admin.kind === 'tcp' && admin.port > 0) {
    wanted.push({ what: "Envoy's admin interface", flag: '--envoy-admin', address: admin });
  }
  const held = (at: HostPort): boolean =>
    leftover?.inbound === formatHostPort(at) ||
    (leftover?.admin?.kind === 'tcp' && formatHostPort(leftover.admin) === formatHostPort(at));
  // Before anything ends: a start that fails leaves the one that serves as it is.
  for (const where of wanted) if (!held(where.address)) await checkPort(where);
  if (leftover === undefined) return;
  await endLeftover(leftover, options);
  for (const where of wanted) if (held(where.address)) await checkPort(where);
}
