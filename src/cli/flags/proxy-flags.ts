// Flags that shape Envoy's bootstrap, shared by `sidecar` and `bootstrap`.
import { type Command, InvalidArgumentError } from 'commander';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { formatHostPort, type IpPort } from '../../lib/host-port.ts';
import { isLoopback } from '../../lib/loopback.ts';
import { isInstance } from '../../lib/node-id.ts';
import { defaultPort } from '../../lib/port-name.ts';
import { type XdsVariant, xdsVariants } from '../../sidecar/envoy/xds-variant.ts';
import type { ApplicationAddress, ProxyOptions } from '../run.ts';
import { parseApplication, parseHostPort, parseIpPort } from './address.ts';
import { xdsServers } from './enrol.ts';
import { flag } from './environment.ts';

interface Options {
  readonly listen?: ReadonlyMap<string, IpPort>;
  readonly app?: ReadonlyMap<string, ApplicationAddress>;
  readonly instance?: string;
  readonly xdsVariant: XdsVariant;
  readonly envoyAdmin?: string;
}

export function addProxyFlags(command: Command): Command {
  return command
    .addOption(
      flag('--listen <[port=]ip:port>', 'where callers reach it; for a service with several ports, one per port', {
        defaultText: 'with --app, a free port of 127.0.0.1, which is kept',
        env: 'CELLWALL_LISTEN',
        parse: named(parseIpPort),
      }),
    )
    .addOption(
      flag(
        '--app <[port=]address>',
        'the application: an ip:port, a port on loopback, or unix:PATH; for a service with several ports, one per port',
        {
          env: 'CELLWALL_APP',
          parse: named(parseApplication),
        },
      ),
    )
    .addOption(
      flag('--instance <name>', 'distinguishes proxies of one identity', {
        defaultText: 'random, then kept',
        env: 'CELLWALL_INSTANCE',
        parse: instance,
      }),
    )
    .addOption(
      flag(
        '--xds-variant <variant>',
        'variant of xDS; single-…: a separate stream for each subscription, instead of ADS',
        {
          env: 'CELLWALL_XDS_VARIANT',
          default: 'delta',
          choices: [...xdsVariants],
        },
      ),
    )
    .addOption(
      flag('--envoy-admin <address>', "Envoy's admin interface: an ip:port on loopback, or unix:PATH", {
        defaultText: 'its own socket',
        env: 'CELLWALL_ENVOY_ADMIN',
        parse: envoyAdmin,
      }),
    );
}

export function proxyOptions(command: Command): ProxyOptions {
  const {
    listen = new Map(),
    app = new Map(),
    instance: name,
    xdsVariant,
    envoyAdmin: admin,
  } = command.opts<Options>();
  refuseOneForTwo(app);
  return {
    xdsServers: xdsServers(command),
    xdsVariant,
    // A port without an application behind it accepts no calls.
    ports: [...new Set([...listen.keys(), ...app.keys()])].map((port) => {
      const application = app.get(port);
      return {
        name: port,
        listen: listen.get(port) ?? { address: '127.0.0.1', port: 0 },
        ...defined({ application }),
      };
    }),
    ...defined({ instance: name, envoyAdmin: admin }),
  };
}

/** Two ports for one application would mean two sets of rules for one thing. */
function refuseOneForTwo(apps: ReadonlyMap<string, ApplicationAddress>): void {
  const seen = new Map<string, string>();
  for (const [port, at] of apps) {
    const other = seen.get(JSON.stringify(at));
    if (other !== undefined) {
      throw new CellwallError('invalid_argument', `--app: ${other} and ${port} are one application`, {
        hint: 'the rules of one port could be used to bypass those of the other: give each its own',
      });
    }
    seen.set(JSON.stringify(at), port);
  }
}

function instance(text: string): string {
  if (isInstance(text)) return text;
  throw new InvalidArgumentError('lower-case letters, digits and hyphens, 64 at most');
}

function envoyAdmin(text: string): string {
  if (text.startsWith('unix:') && text.length > 'unix:'.length) return text;
  const at = parseHostPort(text);
  if (!isLoopback(at.host)) {
    throw new InvalidArgumentError(`it needs no credential and can stop the proxy: loopback only, not ${at.host}`);
  }
  return formatHostPort(at);
}

/**
 * Flags with a value for each port of a service: `--app 3000`, `--app grpc=9090 --app rest=8080`, `--app grpc=9090,rest=8080`. By the
 * port's name; a value without a name is for the port `default`.
 */
function named<T>(parse: (text: string) => T): (text: string, before?: unknown) => ReadonlyMap<string, T> {
  return (text, before) => {
    const said = new Map<string, T>();
    // A path may contain a comma, too.
    for (const part of text.split(/,(?=[a-z0-9][a-z0-9-]*=)/)) {
      const [, name = defaultPort, value = ''] = /^(?:([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)=)?(.*)$/s.exec(part) ?? [];
      if (said.has(name)) throw new InvalidArgumentError(`twice for the port ${name}`);
      said.set(name, parse(value));
    }
    // If a flag is given again for a port, the last one counts, as for every flag.
    return new Map<string, T>([...(before instanceof Map ? before : []), ...said]);
  };
}
