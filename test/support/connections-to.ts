// What the kernel has of the connections to a port on 127.0.0.1.
import { readFileSync } from 'node:fs';

/** How many wait for its answer (SYN_SENT), and how many have it (ESTABLISHED). Linux. */
export function connectionsTo(port: number): { readonly waiting: number; readonly there: number } {
  // 127.0.0.1 as the kernel writes it: somebody else's server may have that port at another address.
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const states = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , to = '']) => to.endsWith(remote))
    .map(([, , , state]) => state);
  const count = (state: string): number => states.filter((one) => one === state).length;
  return { waiting: count('02'), there: count('01') };
}
