// How a sidecar (or `svid fetch`) gets its first identity: the flags, and a join token, given or created on the spot.
import { setTimeout as delay } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { CellwallError } from '../../lib/errors.ts';
import type { HostPort } from '../../lib/host-port.ts';
import { isLoopback } from '../../lib/loopback.ts';
import { Redacted } from '../../lib/redacted.ts';
import type { CliContext } from '../io.ts';
import type { EnrolOptions, WantedIdentity } from '../run.ts';
import { parseHost, parseHostPort } from './address.ts';
import { addAttestFlags } from './attest.ts';
import { addConnectionFlags, connect, controlPlaneGroup } from './connection.ts';
import { flag } from './environment.ts';
import { readSecret } from './secret.ts';
import { addIdentityFlags } from './wanted-identity.ts';

const identityPort = 18001;
const xdsPort = 18000;

/** `ports`: those of the control plane that the command connects to. */
export function addServerFlags(command: Command, ports: readonly ('identity' | 'xds')[]): Command {
  const addresses = {
    identity: flag('--identity-address <host:port>', 'its identity API, if not at the default port of --server', {
      env: 'CELLWALL_IDENTITY_ADDRESS',
      parse: several(parseHostPort),
    }),
    xds: flag('--xds-address <host:port>', 'its xDS port, if not the default port of --server', {
      env: 'CELLWALL_XDS_ADDRESS',
      parse: several(parseHostPort),
    }),
  };
  const server = flag(
    '--server <host>',
    'its host; the default ports are used; of several (a,b) it uses one that works',
    {
      env: 'CELLWALL_SERVER',
      default: '127.0.0.1',
      parse: several(parseHost),
    },
  );
  for (const option of [server, ...ports.map((port) => addresses[port])]) {
    command.addOption(option.helpGroup(controlPlaneGroup));
  }
  return command;
}

export function addEnrolFlags(command: Command, ports: readonly ('identity' | 'xds')[]): Command {
  addIdentityFlags(command)
    .addOption(flag('--token <token>', 'a join token; not needed for a restart', { env: 'CELLWALL_TOKEN' }))
    .addOption(flag('--token-file <file>', 'a file that contains a join token', { env: 'CELLWALL_TOKEN_FILE' }));
  addAttestFlags(command);
  addServerFlags(command, ports);
  return addConnectionFlags(command, { data: false });
}

interface ServerOptions {
  readonly server: string | readonly string[];
  readonly identityAddress?: readonly HostPort[];
  readonly xdsAddress?: readonly HostPort[];
}

/** `--identity-address`, otherwise the default port of each `--server`. */
export function identityServers(command: Command): readonly HostPort[] {
  const { identityAddress } = command.opts<ServerOptions>();
  return identityAddress ?? hosts(command).map((host) => ({ host, port: identityPort }));
}

/** `--xds-address`, otherwise the default port of each `--server`. */
export function xdsServers(command: Command): readonly HostPort[] {
  const { xdsAddress } = command.opts<ServerOptions>();
  return xdsAddress ?? hosts(command).map((host) => ({ host, port: xdsPort }));
}

function hosts(command: Command): readonly string[] {
  const { server } = command.opts<ServerOptions>();
  return typeof server === 'string' ? [server] : server;
}

/** Each is an endpoint of every Envoy. */
const maxServers = 16;

/** Several control planes: separated by commas, or the flag again. */
function several<T>(parse: (text: string) => T): (text: string, before?: unknown) => readonly T[] {
  return (text, before) => {
    const said = text.split(',').map((part) => parse(part.trim()));
    // Before the first one there may be the default.
    const all: readonly T[] = Array.isArray(before) ? [...before, ...said] : said;
    if (new Set(all.map((one) => JSON.stringify(one))).size < all.length)
      throw new InvalidArgumentError('one is named twice');
    if (all.length > maxServers) throw new InvalidArgumentError(`${all.length} control planes, ${maxServers} at most`);
    return all;
  };
}

/** The given token; otherwise, for an operator on the control plane's own host, one created through the admin API. */
export function joinToken(context: CliContext, command: Command, wanted: WantedIdentity): EnrolOptions['token'] {
  return async (needed) => {
    try {
      const given = readSecret(command, 'token');
      if (given !== undefined || !needed) return given;
    } catch (reason) {
      // A restart does not depend on the file that the first start read.
      if (needed) throw reason;
      return undefined;
    }
    return makeToken(context, command, wanted);
  };
}

const startMs = 30_000;

async function makeToken(context: CliContext, command: Command, wanted: WantedIdentity): Promise<Redacted<string>> {
  // Both may have been started at the same time, in either order: a control plane on this host is given time to come up.
  const deadline = context.clock.monotonic() + (hosts(command).every(isLoopback) ? startMs : 0);
  for (let told = false; ; told = true) {
    try {
      return await tryToken(context, command, wanted);
    } catch (reason) {
      const { code } = CellwallError.from(reason);
      const starting = code === 'unavailable' || code === 'unauthenticated';
      if (!starting || context.clock.monotonic() >= deadline) throw reason;
      if (!told) context.stderr.write(`waiting for the control plane on this host (${startMs / 1000} s at most)\n`);
      await delay(200);
    }
  }
}

async function tryToken(context: CliContext, command: Command, wanted: WantedIdentity): Promise<Redacted<string>> {
  try {
    const client = await connect(context, command, { data: context.env['CELLWALL_DATA'] || undefined });
    const answer = await client.createToken({
      ...(wanted.kind === 'service' ? { service: wanted.ref } : { spiffeId: wanted.id }),
      ttl: '1m',
    });
    context.stderr.write(`no join token given: created one for ${answer.spiffeId} with this host's admin token\n`);
    return new Redacted(answer.token);
  } catch (reason) {
    const { code, message, hint } = CellwallError.from(reason);
    throw new CellwallError(code, `no join token given, and none could be made: ${message}`, {
      hint:
        code === 'not_found' && hint !== undefined
          ? hint
          : 'on the control plane: cellwall token create; then give it here with --token-file or CELLWALL_TOKEN',
      cause: reason,
    });
  }
}
