// Which context a command works with. A context is taken whole: an address from one place with a token from another could give the token
// to somebody it is not for.
import type { Command } from 'commander';
import { CellwallError } from '../../lib/errors.ts';
import { type Context, contextNamed, readContexts } from '../contexts.ts';
import type { CliIo } from '../io.ts';

export interface ChosenContext extends Context {
  readonly name: string;
  /** For messages. */
  readonly chosenBy: '--context' | 'CELLWALL_CONTEXT' | 'context use';
}

const direct = ['admin', 'adminToken', 'adminTokenFile', 'adminSvid', 'data'] as const;

/**
 * Undefined: none, so that flags, variables and the data folder of this host decide. First of: flags; `--context`; CELLWALL_CONTEXT; the
 * variables of those flags; what `context use` chose.
 */
export function chosenContext(io: Pick<CliIo, 'env'>, command: Command): ChosenContext | undefined {
  const from = (source: string): string | undefined =>
    direct.find((name) => command.getOptionValueSource(name) === source);
  const given: unknown = command.opts()['context'];
  const name = typeof given === 'string' && given !== '' ? given : undefined;
  const source = command.getOptionValueSource('context');
  const flag = from('cli');
  if (name !== undefined && source === 'cli' && flag !== undefined) {
    command.error('error: give --context, or where the control plane is and a token: a context is taken whole', {
      exitCode: 2,
      code: 'commander.conflictingOption',
    });
  }
  if (flag !== undefined) return undefined;
  if (name !== undefined) {
    const chosenBy = source === 'cli' ? '--context' : 'CELLWALL_CONTEXT';
    return { name, chosenBy, ...contextNamed(readContexts(io), name) };
  }
  if (from('env') !== undefined) return undefined;
  const contexts = readContexts(io);
  const { current } = contexts;
  if (current === undefined) return undefined;
  try {
    return { name: current, chosenBy: 'context use', ...contextNamed(contexts, current) };
  } catch (reason) {
    const { code, message } = CellwallError.from(reason);
    throw new CellwallError(code, `${message}, which is in use`, {
      hint: 'choose another: cellwall context use NAME, or --none',
      cause: reason,
    });
  }
}
