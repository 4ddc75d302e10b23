// Of several control planes Envoy uses one: that where its stream is. The helper looks which, and uses the same one: what it reports about
// the proxy belongs where the proxy is.
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { AdminAddress } from '../envoy/bootstrap.ts';
import { readStats } from '../envoy/read-stats.ts';
import { type ControlPlane, type ControlPlanes, nameOf } from './control-planes.ts';

export interface FollowEnvoyOptions {
  readonly admin: () => AdminAddress | undefined;
  /** By Envoy's priorities, from 0. */
  readonly order: readonly ControlPlane[];
  readonly servers: ControlPlanes;
  readonly clock: Clock;
  readonly log: Log;
}

const everyMs = 1000;

/** Does nothing if there is only one. */
export function followEnvoy({ admin, order, servers, clock, log }: FollowEnvoyOptions): { close(): void } {
  let closed = false;
  let cancel = (): void => {};
  let last = order[0];

  async function look(): Promise<void> {
    const address = admin();
    if (address === undefined) return;
    const at = order[priorityInUse(await readStats(address, '/clusters?filter=^cellwall$')) ?? -1];
    if (at === undefined || closed) return;
    if (at !== last && last !== undefined) {
      log.warn({ from: nameOf(last), to: nameOf(at) }, 'the proxy is at another control plane now');
    }
    last = at;
    servers.use(at);
  }

  function plan(): void {
    cancel = clock.after(everyMs, () => {
      void look()
        .catch((reason: unknown) => log.debug({ reason: CellwallError.from(reason).message }, 'Envoy does not answer'))
        .then(() => {
          if (!closed) plan();
        });
    });
  }

  if (order.length > 1) plan();
  return {
    close() {
      closed = true;
      cancel();
    },
  };
}

/** Of the address with an open stream. With streams at two, as in the moment of a change, it is not known. */
export function priorityInUse(clusters: string): number | undefined {
  const priorities = new Map<string, number>();
  const busy: string[] = [];
  for (const [, address = '', what, value] of clusters.matchAll(
    /^cellwall::(.+:\d+)::(rq_active|priority)::(\d+)$/gm,
  )) {
    if (what === 'priority') priorities.set(address, Number(value));
    else if (value !== '0') busy.push(address);
  }
  const [first, ...others] = new Set(busy.map((address) => priorities.get(address)));
  return others.length === 0 ? first : undefined;
}
