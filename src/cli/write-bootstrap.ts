// Envoy's bootstrap for the files of `svid fetch`, for those who run Envoy themselves; and the two files that tell Envoy where that
// certificate is.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeSecretFile } from '../identity/secret-file.ts';
import { CellwallError } from '../lib/errors.ts';
import type { HostPort, IpPort } from '../lib/host-port.ts';
import type { Json } from '../lib/table.ts';
import { adminOf } from '../sidecar/envoy/admin-address.ts';
import { writeConfig } from '../sidecar/envoy/write-config.ts';
import { createSvidFiles } from '../sidecar/svid/svid-files.ts';
import type { CliIo } from './io.ts';
import type { BootstrapOptions } from './run.ts';

export function writeBootstrap(options: BootstrapOptions, env: CliIo['env']): Json {
  const { ports, xdsServers, xdsVariant } = options;
  const directory = resolve(options.directory);
  const svid = existsSync(directory) ? createSvidFiles(directory).read() : undefined;
  if (svid === undefined) {
    throw new CellwallError('failed_precondition', `no certificate in ${directory}`, {
      hint: `get one first: cellwall svid fetch --service NAME --dir ${options.directory}`,
    });
  }
  if (ports.some(({ listen }) => listen.port === 0)) {
    throw new CellwallError('invalid_argument', 'no port to listen on was given', {
      hint: 'as in --listen 10.0.0.5:8443',
    });
  }
  return writeConfig({
    dir: directory,
    svid,
    spiffeId: svid.spiffeId,
    instance: options.instance ?? instanceOf(directory),
    xds: xdsServers,
    variant: xdsVariant,
    admin: adminOf(options.envoyAdmin, directory, env),
    ports: ports.map(({ name, listen, application }) => ({
      name,
      inbound: hostPort(listen),
      ...(application === undefined
        ? {}
        : { application: 'path' in application ? application : hostPort(application) }),
    })),
  }).bootstrap;
}

/** Kept, so that a bootstrap printed again is for the same proxy. */
function instanceOf(directory: string): string {
  const file = join(directory, 'instance');
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const instance = randomBytes(6).toString('hex');
  writeSecretFile(file, `${instance}\n`);
  return instance;
}

function hostPort({ address, port }: IpPort): HostPort {
  return { host: address, port };
}
