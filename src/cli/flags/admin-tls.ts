// The admin API beyond loopback: flags of `serve` that depend on one another.
import type { Command } from 'commander';
import type { HostPort } from '../../lib/host-port.ts';
import type { ServeOptions } from '../../serve/serve-options.ts';

export interface AdminTlsFlags {
  readonly adminTlsListen?: HostPort;
  readonly adminTlsCert?: string;
  readonly adminTlsKey?: string;
  readonly adminName?: string[];
}

/** Ends the command with exit code 2 for flags that need others. */
export function adminTlsOf(options: AdminTlsFlags, command: Command): Pick<ServeOptions, 'adminTls'> {
  const { adminTlsListen: address, adminTlsCert: certificate, adminTlsKey: key, adminName: names = [] } = options;
  if ((certificate === undefined) !== (key === undefined)) {
    return command.error('error: --admin-tls-cert and --admin-tls-key must be given together', { exitCode: 2 });
  }
  if (address === undefined) {
    if (certificate === undefined && names.length === 0) return {};
    return command.error('error: --admin-tls-cert and --admin-name need --admin-tls-listen', { exitCode: 2 });
  }
  const files = certificate === undefined || key === undefined ? {} : { files: { certificate, key } };
  return { adminTls: { address, names, ...files } };
}
