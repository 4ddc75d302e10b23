// Can a service's application be reached around its sidecar? Connects to the application's port at the address at which the sidecar takes
// calls; if that is loopback, at this host's other addresses. Nothing is sent. Seen from here: what only others can reach, a probe does not
// find (docs/cut-over.md).
import { connect } from 'node:net';
import type { IpPort } from '../lib/host-port.ts';
import { isLoopback } from '../lib/loopback.ts';
import { ownAddresses } from '../lib/own-addresses.ts';
import type { PortPlace } from '../registry/ports.ts';

/** Where it answered; undefined if nowhere. */
export type ProbeApplication = (proxy: Pick<PortPlace, 'inbound' | 'application'>) => Promise<IpPort | undefined>;

const timeoutMs = 500;

/** `addresses`: of this host, beyond loopback. An application on a Unix socket is never reachable. */
export function createProbeApplication(addresses: () => readonly string[] = ownAddresses): ProbeApplication {
  return async ({ inbound, application }) => {
    // A Unix socket cannot be reached from another host.
    if (inbound === undefined || application === undefined || 'path' in application) return undefined;
    const { port } = application;
    // Only the sidecar's own, verified address: a proxy must not be able to make us connect anywhere else.
    const places = isLoopback(inbound.address) ? addresses() : [inbound.address];
    const answers = await Promise.all(
      places
        .filter((address) => !(address === inbound.address && port === inbound.port))
        .map(async (address) => ((await answersAt(address, port)) ? { address, port } : undefined)),
    );
    return answers.find((answer) => answer !== undefined);
  };
}

function answersAt(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answers: boolean): void => {
      socket.destroy();
      resolve(answers);
    };
    socket.setTimeout(timeoutMs, () => end(false));
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}
