// Options of an implementation chosen by a flag, as `--store-option NAME=VALUE` gives them: only options that it has, including all
// required ones.
import { CellwallError } from './errors.ts';
import type { Redacted } from './redacted.ts';

export interface NamedOption {
  readonly description: string;
  readonly required?: true;
}

/** By name. Any of them may be a secret: none is printed. */
export type NamedValues = Readonly<Record<string, Redacted<string>>>;

/** `what`: as in `the store "redis"`; `flag`: the flag that sets options. Throws `invalid_argument`. */
export function checkNamedOptions(
  what: string,
  flag: string,
  options: Readonly<Record<string, NamedOption>>,
  given: NamedValues,
): void {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(options, name));
  if (unknown !== undefined) {
    const known = Object.entries(options).map(([name, { description }]) => `${name} (${description})`);
    throw new CellwallError('invalid_argument', `${what} has no option "${unknown}"`, {
      hint: known.length === 0 ? 'it has none' : `it has: ${known.join(', ')}`,
    });
  }
  for (const [name, { required, description }] of Object.entries(options)) {
    if (required !== true || Object.hasOwn(given, name)) continue;
    throw new CellwallError('invalid_argument', `${what} needs the option "${name}": ${description}`, {
      hint: `${flag} ${name}=VALUE`,
    });
  }
}
