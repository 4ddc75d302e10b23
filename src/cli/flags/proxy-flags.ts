// Flags that shape Envoy's bootstrap: shared by `sidecar` and `bootstrap`.
import { type Command, InvalidArgumentError } from 'commander';
import { isLoopback } from '../../lib/loopback.ts';
import { type XdsVariant, xdsVariants } from '../../sidecar/envoy/xds-variant.ts';
import type { ApplicationAddress, IpPort, ProxyOptions } from '../run.ts';
import { parseApplication, parseHostPort, parseIpPort } from './address.ts';
import { xdsServer } from './enrol.ts';
import { flag } from './environment.ts';

interface Options {
  readonly listen?: IpPort;
  readonly app?: ApplicationAddress;
  readonly instance?: string;
  readonly xdsVariant: XdsVariant;
  readonly envoyAdmin?: string;
}

export function addProxyFlags(command: Command): Command {
  return command
    .addOption(
      flag('--listen <ip:port>', 'where callers reach it', {
        defaultText: 'with --app a free port of 127.0.0.1, kept',
        env: 'CELLWALL_LISTEN',
        parse: parseIpPort,
      }),
    )
    .addOption(
      flag('--app <address>', 'the application: an ip:port, a port of loopback, or unix:PATH', {
        env: 'CELLWALL_APP',
        parse: parseApplication,
      }),
    )
    .addOption(
      flag('--instance <name>', 'tells proxies of one identity apart', {
        defaultText: 'random, kept',
        env: 'CELLWALL_INSTANCE',
        parse: instance,
      }),
    )
    .addOption(
      flag('--xds-variant <variant>', 'variant of xDS; single-: a stream for each thing asked for, instead of ADS', {
        env: 'CELLWALL_XDS_VARIANT',
        default: 'delta',
        choices: [...xdsVariants],
      }),
    )
    .addOption(
      flag('--envoy-admin <address>', "Envoy's admin interface: an ip:port on loopback, or unix:PATH", {
        defaultText: 'a socket of its own',
        env: 'CELLWALL_ENVOY_ADMIN',
        parse: envoyAdmin,
      }),
    );
}

export function proxyOptions(command: Command): ProxyOptions {
  const { listen, app, instance: name, xdsVariant, envoyAdmin: admin } = command.opts<Options>();
  // What has no application behind it takes no calls.
  const inbound = listen ?? (app === undefined ? undefined : { address: '127.0.0.1', port: 0 });
  return {
    xdsServer: xdsServer(command),
    xdsVariant,
    ...(inbound === undefined ? {} : { listen: inbound }),
    ...(app === undefined ? {} : { application: app }),
    ...(name === undefined ? {} : { instance: name }),
    ...(admin === undefined ? {} : { envoyAdmin: admin }),
  };
}

function instance(text: string): string {
  if (/^[a-z0-9-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError('lower-case letters, digits and hyphens, 64 at most');
}

function envoyAdmin(text: string): string {
  if (text.startsWith('unix:') && text.length > 'unix:'.length) return text;
  const { host, port } = parseHostPort(text);
  if (!isLoopback(host)) {
    throw new InvalidArgumentError(`it needs no credential and can end the proxy: loopback only, not ${host}`);
  }
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
