// Flags that shape Envoy's bootstrap: shared by `sidecar` and `bootstrap`.
import { type Command, InvalidArgumentError } from 'commander';
import { parseIpPort } from './address.ts';
import { xdsServer } from './enrol.ts';
import { flag } from './environment.ts';
import type { CliContext } from './io.ts';
import { defaultSidecarData } from './paths.ts';
import type { BootstrapOptions, IpPort } from './run.ts';
import { wantedIdentity } from './wanted-identity.ts';

interface Options {
  readonly data?: string;
  readonly listen?: IpPort;
  readonly app?: IpPort;
  readonly instance?: string;
  readonly xdsVariant: string;
  readonly envoyAdmin?: IpPort;
}

export function addBootstrapFlags(command: Command): Command {
  return command
    .addOption(
      flag('--listen <ip:port>', 'where callers reach it (default: a free port of 127.0.0.1)', {
        env: 'CELLWALL_LISTEN',
        parse: parseIpPort,
      }),
    )
    .addOption(
      flag('--app <ip:port>', 'the application; a port alone is on loopback', {
        env: 'CELLWALL_APP',
        parse: parseIpPort,
      }),
    )
    .addOption(flag('--data <dir>', 'its keys and state (default: one of its own)', { env: 'CELLWALL_SIDECAR_DATA' }))
    .addOption(
      flag('--instance <name>', 'tells proxies of one identity apart', { env: 'CELLWALL_INSTANCE', parse: instance }),
    )
    .addOption(
      flag('--xds-variant <variant>', 'of the protocol', {
        env: 'CELLWALL_XDS_VARIANT',
        default: 'delta',
        choices: ['delta', 'sotw'],
      }),
    )
    .addOption(
      flag('--envoy-admin <ip:port>', "Envoy's admin interface (default: none)", {
        env: 'CELLWALL_ENVOY_ADMIN',
        parse: parseIpPort,
      }),
    );
}

export function bootstrapOptions(context: CliContext, command: Command): BootstrapOptions {
  const { data, listen, app, instance: name, xdsVariant, envoyAdmin } = command.opts<Options>();
  const wanted = wantedIdentity(command);
  return {
    wanted,
    xdsServer: xdsServer(command),
    data: data ?? defaultSidecarData(context, wanted, name),
    listen: listen ?? { address: '127.0.0.1', port: 0 },
    xdsVariant: xdsVariant === 'sotw' ? 'sotw' : 'delta',
    ...(app === undefined ? {} : { application: app }),
    ...(name === undefined ? {} : { instance: name }),
    ...(envoyAdmin === undefined ? {} : { envoyAdmin }),
  };
}

function instance(text: string): string {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError('letters, digits, ".", "_" and "-", 64 at most');
}
