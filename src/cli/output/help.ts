// What flags and examples look like in every command's help.
import type { Command, Option } from 'commander';
import { variableOf } from '../flags/environment.ts';

/** The meaning, followed by one pair of parentheses with the allowed values, the default and the variable that can be used instead. */
export function describeOption(option: Option): string {
  const { argChoices: choices, defaultValue, defaultValueDescription, description, mandatory } = option;
  const initial = defaultValueDescription ?? (typeof defaultValue === 'boolean' ? undefined : defaultValue);
  const variable = variableOf(option);
  const notes = [
    ...(mandatory && initial === undefined ? ['required'] : []),
    ...(choices === undefined ? [] : [choices.join(', ')]),
    ...(initial === undefined ? [] : [`default: ${String(initial)}`]),
    ...(variable === undefined ? [] : [`env: ${variable}`]),
  ];
  return notes.length === 0 ? description : `${description} (${notes.join('; ')})`;
}

/** Lines below the flags, without the leading `cellwall`. */
export function examples(command: Command, ...lines: readonly string[]): Command {
  const text = lines.map((line) => `  cellwall ${line}`).join('\n');
  return command.addHelpText('after', `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${text}`);
}
