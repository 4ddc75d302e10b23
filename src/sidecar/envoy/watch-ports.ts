// Watches the ports on which Envoy should listen: one that it could not get is reported, with who has it, in the log and to the control
// plane; one that an outgoing connection might take one day is reported once.

import { deliver } from '../../identity-api/deliver.ts';
import { identityPaths } from '../../identity-api/identity-protocol.ts';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import { formatHostPort, type HostPort } from '../../lib/host-port.ts';
import { localPorts } from '../../lib/local-ports.ts';
import type { Log } from '../../lib/log.ts';
import { maxTakenPorts, type TakenPort } from '../../lib/taken-port.ts';
import type { ControlPlanes } from '../servers/control-planes.ts';
import type { StoredSvid } from '../svid/svid-files.ts';
import type { AdminAddress } from './bootstrap.ts';
import { portHolder } from './port-holder.ts';
import { readStats } from './read-stats.ts';
import { warnOfLocalPort } from './warn-of-local-port.ts';

export interface WatchPortsOptions {
  readonly admin: () => AdminAddress | undefined;
  /** These were already warned about. */
  readonly inbounds: readonly HostPort[];
  readonly servers: ControlPlanes;
  readonly svid: () => StoredSvid;
  readonly instance: string;
  readonly run: string;
  readonly clock: Clock;
  readonly log: Log;
}

const everyMs = 5000;
const timeoutMs = 2000;
const failed = '/config_dump?resource=dynamic_listeners&mask=error_state.details';

export function watchPorts(options: WatchPortsOptions): { close(): void } {
  const { admin, inbounds, servers, svid, instance, run, clock, log } = options;
  const warned = new Set<number>(inbounds.map(({ port }) => port));
  let said = '';
  /** The control plane may know about some. As long as there are any, the report is repeated, because a restarted one knows nothing. */
  let told = false;
  let closed = false;
  let cancel = clock.after(1000, () => void turn());

  async function turn(): Promise<void> {
    const address = admin();
    if (address !== undefined) await look(address).catch(noMatter);
    if (!closed) cancel = clock.after(everyMs, () => void turn());
  }

  async function look(address: AdminAddress): Promise<void> {
    warn(await readStats(address, '/listeners'));
    const taken = takenPorts(await readStats(address, failed));
    const now = JSON.stringify(taken);
    if (now !== said) {
      for (const { holder, ...at } of taken) {
        const hint = `stop it, or choose another port: ${isInbound(at) ? '--listen' : 'dependsOn.listen of its Service'}`;
        log.error({ port: formatHostPort(at), holder, hint }, 'Envoy cannot listen');
      }
      if (taken.length === 0 && said !== '') log.info({}, 'Envoy listens on all its ports');
      said = taken.length === 0 ? '' : now;
    }
    if (taken.length > 0 || told) await tell(taken);
  }

  function isInbound({ address, port }: Omit<TakenPort, 'holder'>): boolean {
    return inbounds.some((one) => one.host === address && one.port === port);
  }

  function warn(listeners: string): void {
    const local = localPorts();
    for (const [, digits] of listeners.matchAll(/^outbound\b.*:(\d+)$/gm)) {
      const port = Number(digits);
      if (warned.has(port) || warned.size > 1000 || local?.taken(port) !== true) continue;
      warned.add(port);
      warnOfLocalPort(log, port, 'dependsOn.listen');
    }
  }

  async function tell(taken: readonly TakenPort[]): Promise<void> {
    try {
      told = true;
      const body = async (): Promise<object> => ({ instance, run, taken });
      await deliver({ ...servers.identity(), svid: svid(), timeoutMs, path: identityPaths.ports, body });
      told = taken.length > 0;
    } catch (reason) {
      log.debug({ reason: CellwallError.from(reason).message }, 'taken ports were not reported');
    }
  }

  return {
    close() {
      closed = true;
      cancel();
    },
  };
}

/** Envoy reports each twice: for the listener, and for the update. */
function takenPorts(dump: string): readonly TakenPort[] {
  const found = new Map<string, TakenPort>();
  for (const [, inBrackets, plain, digits] of dump.matchAll(cannotBind)) {
    const address = inBrackets ?? plain ?? '';
    const at = { host: address, port: Number(digits) };
    const key = formatHostPort(at);
    if (found.has(key) || found.size >= maxTakenPorts) continue;
    found.set(key, { address, port: at.port, holder: portHolder(at) });
  }
  return [...found.values()];
}

const cannotBind = /"details": "cannot bind '(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})': Address already in use"/g;

function noMatter(): void {}
