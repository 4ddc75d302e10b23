// How flags and examples look in every command's help.
import type { Command, Option } from 'commander';
import { variableOf } from '../flags/environment.ts';

/** What it is, then, in one parenthesis: what it may be, what it is when nobody says, which variable stands in for it. */
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

/** Lines below the flags; without the leading `cellwall`. */
export function examples(command: Command, ...lines: readonly string[]): Command {
  const text = lines.map((line) => `  cellwall ${line}`).join('\n');
  return command.addHelpText('after', `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${text}`);
}
