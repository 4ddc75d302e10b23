// Where state is kept when no flag says.
import { join } from 'node:path';
import type { CliIo } from './io.ts';
import type { WantedIdentity } from './run.ts';

/** `$XDG_STATE_HOME/cellwall`, else `~/.local/state/cellwall`. */
export function defaultData({ env }: Pick<CliIo, 'env'>): string {
  const state = env['XDG_STATE_HOME'] || join(env['HOME'] || '.', '.local', 'state');
  return join(state, 'cellwall');
}

/** A directory of its own for each sidecar. */
export function defaultSidecarData(
  io: Pick<CliIo, 'env'>,
  wanted: WantedIdentity,
  instance: string | undefined,
): string {
  const name = wanted.kind === 'service' ? wanted.ref : wanted.id.replace(/^spiffe:\/\//, '');
  const parts = [name.replaceAll('/', '.'), ...(instance === undefined ? [] : [instance])];
  return join(defaultData(io), 'sidecars', parts.join('~'));
}
