// `serve --limit NAME=VALUE`, repeatable.
import { InvalidArgumentError, Option } from 'commander';
import { CellwallError } from '../../lib/errors.ts';
import { limitKinds, limitNames, limitsOf } from '../../limits/limits.ts';

export type GivenLimits = Readonly<Record<string, string>>;

export function limitFlag(): Option {
  const kinds = limitNames.map((name) => `${name}=${limitKinds[name].default}`);
  return new Option(
    '--limit <name=number...>',
    `what a change of documents may make without being confirmed; the defaults: ${kinds.join(', ')}`,
  ).argParser((text: string, before: GivenLimits = {}) => {
    const cut = text.indexOf('=');
    if (cut < 1) throw new InvalidArgumentError('as in documents=20000');
    const given = { ...before, [text.slice(0, cut)]: text.slice(cut + 1) };
    try {
      limitsOf(given);
      return given;
    } catch (reason) {
      const { message, hint } = CellwallError.from(reason);
      throw new InvalidArgumentError(hint === undefined ? message : `${message} (${hint})`);
    }
  });
}
