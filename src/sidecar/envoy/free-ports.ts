// Makes sure that Envoy's listening addresses are free before it starts: what a killed helper's Envoy occupies is freed, what another
// program occupies is reported.

import { createServer } from 'node:net';
import { formatHostPort, type HostPort } from '../../lib/host-port.ts';
import { type Listening, listening } from '../../lib/listening.ts';
import type { AdminAddress } from './bootstrap.ts';
import { type EndLeftoverOptions, endLeftover } from './end-leftover.ts';
import type { LeftoverEnvoy } from './envoy-record.ts';
import { portHolder } from './port-holder.ts';

export interface FreePortsOptions extends EndLeftoverOptions {
  readonly inbounds: readonly HostPort[];
  readonly admin: AdminAddress;
  readonly leftover: LeftoverEnvoy | undefined;
}

export interface FreePorts {
  /** Ends the leftover. Before it does, throws if another program has an address, so that what serves is left as it is. */
  free(): Promise<void>;
}

/** Checks at once, because that takes 10 ms (node:net's first server), in parallel with other waiting. */
export function freePorts({ inbounds, admin, leftover, ...options }: FreePortsOptions): FreePorts {
  const wanted: Listening[] = inbounds.map((address) => ({ what: 'callers', flag: '--listen', address }));
  if (admin.kind === 'tcp' && admin.port > 0) {
    wanted.push({ what: "Envoy's admin interface", flag: '--envoy-admin', address: admin });
  }
  const held = (at: HostPort): boolean =>
    leftover?.inbounds.includes(formatHostPort(at)) === true ||
    (leftover?.admin?.kind === 'tcp' && formatHostPort(leftover.admin) === formatHostPort(at));
  const others = Promise.all(wanted.filter(({ address }) => !held(address)).map(checkPort));
  // Reported by free(); until then it is ignored.
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

/**
 * Whether it is possible to listen on an address: Envoy itself would only reject the listener, and continue without it, or share the port
 * with another Envoy (SO_REUSEPORT). Throws `unavailable` if another program listens there, or the address does not belong to this host.
 */
function checkPort(where: Listening): Promise<void> {
  const { host, port } = where.address;
  return listening(
    { ...where, holder: portHolder },
    () =>
      new Promise<void>((resolve, reject) => {
        const server = createServer();
        server.once('error', (reason) => {
          // Ports below 1024 are left to Envoy to try: it may have rights that this process lacks.
          if ('code' in reason && (reason.code === 'EADDRINUSE' || reason.code === 'EADDRNOTAVAIL')) reject(reason);
          else resolve();
        });
        server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
      }),
  );
}
