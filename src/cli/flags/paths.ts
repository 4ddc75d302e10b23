// Where state is kept by default.
import { join } from 'node:path';
import { CellwallError } from '../../lib/errors.ts';
import type { CliIo } from '../io.ts';
import type { WantedIdentity } from '../run.ts';

/** `$XDG_STATE_HOME/cellwall`, else `~/.local/state/cellwall`. */
export function defaultData({ env }: Pick<CliIo, 'env'>): string {
  const { XDG_STATE_HOME: state, HOME: home } = env;
  if (state !== undefined && state !== '') return join(state, 'cellwall');
  if (home !== undefined && home !== '') return join(home, '.local', 'state', 'cellwall');
  // Not the current folder: keys would end up wherever it was started.
  throw new CellwallError('failed_precondition', 'no place to keep state: HOME is not set, and --data was not given', {
    hint: 'give a folder of this user with --data, or CELLWALL_DATA (for a sidecar CELLWALL_SIDECAR_DATA)',
  });
}

/** A separate directory for each sidecar. */
export function defaultSidecarData(
  io: Pick<CliIo, 'env'>,
  wanted: WantedIdentity,
  instance: string | undefined,
): string {
  const name = wanted.kind === 'service' ? wanted.ref : wanted.id.replace(/^spiffe:\/\//, '');
  const parts = [name.replaceAll('/', '.'), ...(instance === undefined ? [] : [instance])];
  return join(defaultData(io), 'sidecars', parts.join('~'));
}
