// Writes what Envoy reads at its start: the bootstrap, and the file-based SDS of its own xDS connection.
import { join } from 'node:path';
import { serverUriOf } from '../../identity-api/server-uri.ts';
import type { Json } from '../../lib/table.ts';
import { keepSecretFile } from '../svid/keep-secret-file.ts';
import { writeXdsSecrets } from '../svid/write-xds-secrets.ts';
import type { XdsSvid } from '../svid/xds-secrets.ts';
import { type BootstrapParams, bootstrap } from './bootstrap.ts';

export interface ConfigParams extends Omit<BootstrapParams, 'service' | 'serverId' | 'secrets'> {
  /** Absolute: where the files go. */
  readonly dir: string;
  readonly svid: XdsSvid;
}

/** The bootstrap, and the file that holds it. */
export function writeConfig({ dir, svid, ...params }: ConfigParams): {
  readonly path: string;
  readonly bootstrap: Json;
} {
  const secrets = writeXdsSecrets(dir, svid);
  const made = bootstrap({
    ...params,
    service: params.spiffeId.slice(params.spiffeId.lastIndexOf('/') + 1),
    serverId: serverUriOf(svid.chain),
    secrets,
  });
  const path = join(dir, 'envoy.json');
  keepSecretFile(path, `${JSON.stringify(made, undefined, 2)}\n`);
  return { path, bootstrap: made };
}
