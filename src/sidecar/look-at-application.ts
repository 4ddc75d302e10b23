// Is the application there, and can it be reached around its sidecar? Its port is looked up among the listening sockets of this host
// (Linux), which nobody notices; elsewhere, for other hosts, and for a socket, a connection is opened. Nothing is sent.
import { connect } from 'node:net';
import { isLoopback } from '../lib/loopback.ts';
import type { ApplicationAddress } from './application-address.ts';
import { readListeners } from './envoy/proc-sockets.ts';

export interface ApplicationLook {
  readonly answers: boolean;
  /** Why a connection was refused: for a socket often because it belongs to another user (EACCES). */
  readonly why?: string;
  /** Where something listens on its port. Absent: not known here, or nowhere. */
  readonly on?: readonly string[];
  /** Addresses beyond loopback on which its port is open: `0.0.0.0` and `::` stand for all addresses of the host. */
  readonly around: readonly string[];
}

const timeoutMs = 1000;

/** `listeners`: of this host, if they were read just now. Default: they are read. */
export async function lookAtApplication(
  application: ApplicationAddress,
  listeners = readListeners(),
): Promise<ApplicationLook> {
  // Who may open a socket depends on its mode and its folder.
  if ('path' in application) return { ...(await connects(application)), around: [] };
  const { host, port } = application;
  const open = listeners(port).map(({ address }) => address);
  const around = open.filter((address) => !isLoopback(address));
  // Not finding it proves nothing: it may be in another network namespace.
  const found = open.some((address) => answersAt(address, host));
  return {
    ...(found ? { answers: true } : await connects(application)),
    ...(open.length === 0 ? {} : { on: [...new Set(open)] }),
    around,
  };
}

/** Whether a connection to `host` reaches a socket at `address`: Envoy tries ::1 after 127.0.0.1, and nothing else. */
function answersAt(address: string, host: string): boolean {
  if (address === host || address === '::') return true;
  if (address === '0.0.0.0') return !host.includes(':');
  return host === '127.0.0.1' && address === '::1';
}

function connects(application: ApplicationAddress): Promise<Pick<ApplicationLook, 'answers' | 'why'>> {
  return new Promise((resolve) => {
    const socket = connect(application);
    const end = (look: Pick<ApplicationLook, 'answers' | 'why'>): void => {
      socket.destroy();
      resolve(look);
    };
    socket.setTimeout(timeoutMs, () => end({ answers: false, why: 'no answer' }));
    socket.on('connect', () => end({ answers: true }));
    socket.on('error', (reason) => end({ answers: false, why: 'code' in reason ? String(reason.code) : 'refused' }));
  });
}
