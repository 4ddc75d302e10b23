// `--reason`, for every command that changes something.
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { flag } from './environment.ts';

export function reasonFlag(): Option {
  return flag('--reason <text>', 'why, for the history and the audit log', { parse: reason });
}

/** As the admin API accepts it. */
export function reasonOf(command: Command): { readonly reason?: string } {
  const given: unknown = command.opts()['reason'];
  return typeof given === 'string' ? { reason: given } : {};
}

function reason(text: string): string {
  if (text.length >= 1 && text.length <= 500) return text;
  throw new InvalidArgumentError('1 to 500 characters');
}
