// `--store-option name=value` and `--ca-option name=value`, repeatable. A value may be a secret: it is never printed.
import { InvalidArgumentError } from 'commander';
import type { NamedValues } from '../../lib/named-options.ts';
import { Redacted } from '../../lib/redacted.ts';

/** Later values of one name replace earlier ones. */
export function parseNamedOption(text: string, before: NamedValues = {}): NamedValues {
  const cut = text.indexOf('=');
  if (cut < 1) throw new InvalidArgumentError('as in name=value');
  return { ...before, [text.slice(0, cut)]: new Redacted(text.slice(cut + 1)) };
}
