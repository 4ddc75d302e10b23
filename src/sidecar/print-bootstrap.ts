// `cellwall bootstrap`: the bootstrap of an Envoy that somebody else runs, for an identity that `svid fetch` keeps.
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { CellwallError } from '../lib/errors.ts';
import type { AdminAddress } from './bootstrap.ts';
import type { HostPort } from './host-port.ts';
import { createSvidFiles } from './svid-files.ts';
import { writeConfig } from './write-config.ts';

export interface PrintBootstrapOptions {
  /** The folder of `svid fetch`; the secrets' SDS files are written there, too. */
  readonly directory: string;
  readonly xds: HostPort;
  readonly inbound?: HostPort;
  readonly application?: HostPort;
  readonly instance?: string;
  readonly variant: 'delta' | 'sotw';
  readonly admin: AdminAddress;
}

export function printBootstrap(options: PrintBootstrapOptions): string {
  const { directory, instance = randomBytes(6).toString('hex'), ...params } = options;
  const dir = resolve(directory);
  const svid = createSvidFiles(dir).read();
  if (svid === undefined) {
    throw new CellwallError('not_found', `no SVID in ${directory}`, {
      hint: `cellwall svid fetch --dir ${directory} …`,
    });
  }
  return writeConfig({ ...params, dir, svidDir: dir, instance, spiffeId: svid.spiffeId, bundle: svid.bundle }).text;
}
