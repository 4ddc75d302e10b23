// `--service` or `--identity`: whose identity a command is about.
import type { Command } from 'commander';
import { flag } from './environment.ts';
import type { WantedIdentity } from './run.ts';

export function addIdentityFlags(command: Command): Command {
  return command
    .addOption(flag('--service <ref>', 'the service: name, or cell/name', { env: 'CELLWALL_SERVICE' }))
    .addOption(flag('--identity <spiffe-id>', 'the SPIFFE ID, for what is no service', { env: 'CELLWALL_IDENTITY' }));
}

/** Exactly one of the two; a flag wins over the environment. */
export function wantedIdentity(command: Command): WantedIdentity {
  const { service, identity } = command.opts();
  const flagged = (name: string): boolean => command.getOptionValueSource(name) === 'cli';
  const both = typeof service === 'string' && typeof identity === 'string';
  if (both && flagged('service') === flagged('identity')) {
    command.error('error: give --service or --identity, not both', { exitCode: 2 });
  }
  if (typeof identity === 'string' && !(both && flagged('service'))) return { kind: 'spiffe-id', id: identity };
  if (typeof service === 'string') return { kind: 'service', ref: service };
  return command.error('error: whose identity? give --service cell/name, or --identity spiffe://…', { exitCode: 2 });
}
