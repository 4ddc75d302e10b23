// `--service` or `--spiffe-id`: whose identity a command is about.
import type { Command } from 'commander';
import type { WantedIdentity } from '../run.ts';
import { flag } from './environment.ts';

export function addIdentityFlags(command: Command): Command {
  return command
    .addOption(flag('--service <ref>', 'whose identity: a service, as name or cell/name', { env: 'CELLWALL_SERVICE' }))
    .addOption(
      flag('--spiffe-id <id>', 'whose identity: a SPIFFE ID, if it is not a service', { env: 'CELLWALL_SPIFFE_ID' }),
    );
}

/** Exactly one of the two; a flag takes precedence over the environment. */
export function wantedIdentity(command: Command): WantedIdentity {
  const { service, spiffeId } = command.opts();
  const flagged = (name: string): boolean => command.getOptionValueSource(name) === 'cli';
  const both = typeof service === 'string' && typeof spiffeId === 'string';
  if (both && flagged('service') === flagged('spiffeId')) {
    command.error('error: give --service or --spiffe-id, not both', { exitCode: 2 });
  }
  if (typeof spiffeId === 'string' && !(both && flagged('service'))) return { kind: 'spiffe-id', id: spiffeId };
  if (typeof service === 'string') return { kind: 'service', ref: service };
  return command.error('error: no identity given: use --service cell/name, or --spiffe-id spiffe://…', { exitCode: 2 });
}
