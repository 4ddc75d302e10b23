// Warns about a port in the range that the kernel uses for outgoing connections.
import type { Log } from '../../lib/log.ts';

/** `where`: which of its listeners has it. */
export function warnOfLocalPort(log: Log, port: number, where: string): void {
  const hint = `choose one outside ip_local_port_range, or keep it free: sysctl net.ipv4.ip_local_reserved_ports=${port}`;
  log.warn({ port, where, hint }, 'an outgoing connection may take the port on which this sidecar listens');
}
