// Flags take precedence over CELLWALL_* variables, and these over defaults. commander's own `.env()` reads the process; this reads what
// main.ts passed.
import { type Command, InvalidArgumentError, Option } from 'commander';

const variables = new WeakMap<Option, string>();

export interface FlagOptions {
  /** Environment variable that can be used instead of the flag. */
  readonly env?: string;
  readonly default?: string | number;
  /** Shown in the help for a default that is determined later. */
  readonly defaultText?: string;
  readonly choices?: readonly string[];
  /** `before`: what the flag said if it was given before. */
  readonly parse?: (text: string, before?: unknown) => unknown;
}

/** The variable's value is parsed like the flag's. */
export function flag(flags: string, description: string, options: FlagOptions = {}): Option {
  const { env, choices, parse } = options;
  const option = new Option(flags, description);
  if (options.default !== undefined) option.default(options.default);
  if (options.defaultText !== undefined) option.defaultValueDescription = options.defaultText;
  if (choices !== undefined) option.choices(choices);
  if (parse !== undefined) option.argParser(parse);
  if (env !== undefined) variables.set(option, env);
  return option;
}

/** Undefined for an option that no variable can set. */
export function variableOf(option: Option): string | undefined {
  return variables.get(option);
}

/** Fills in what no flag set. Runs before every action. */
export function applyEnvironment(command: Command, env: Readonly<Record<string, string | undefined>>): void {
  for (let current: Command | null = command; current !== null; current = current.parent) {
    for (const option of current.options) {
      const variable = variables.get(option);
      const text = variable === undefined ? undefined : env[variable];
      if (variable === undefined || text === undefined || text === '') continue;
      const name = option.attributeName();
      const source = current.getOptionValueSource(name);
      if (source !== undefined && source !== 'default') continue;
      try {
        const value = option.isBoolean() ? readBoolean(text) : (option.parseArg?.(text, undefined) ?? text);
        current.setOptionValueWithSource(name, value, 'env');
      } catch (reason) {
        if (!(reason instanceof InvalidArgumentError)) throw reason;
        command.error(`error: ${variable}: ${reason.message}`, { exitCode: 2, code: 'commander.invalidArgument' });
      }
    }
  }
}

function readBoolean(text: string): boolean {
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  throw new InvalidArgumentError('true or false');
}
