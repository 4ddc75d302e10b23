// What -o accepts: four forms for every command, and more for those that declare them.
import { type Command, InvalidArgumentError, Option } from 'commander';

const everywhere: readonly string[] = ['table', 'json', 'yaml', 'wide'];
const all: readonly string[] = [...everywhere, 'csv', 'html', 'pdf'];
const more = new WeakMap<Command, readonly string[]>();

/** Of the program, so that it may stand anywhere in a command line. `checkFormat` then refuses what the command cannot print. */
export function outputOption(): Option {
  const option = new Option('-o, --output <format>', 'how data is printed').choices([...everywhere]).default('table');
  return option.argParser((text: string) => {
    if (all.includes(text)) return text;
    throw new InvalidArgumentError(allowed(everywhere));
  });
}

/** Declares that a command can print these as well; returns it. */
export function alsoPrints(command: Command, formats: readonly string[]): Command {
  more.set(command, formats);
  return command;
}

/** Ends the command with a fault of usage for a form that it does not have. Runs before every action. */
export function checkFormat(command: Command): void {
  const format = outputOf(command);
  const known = [...everywhere, ...(more.get(command) ?? [])];
  if (known.includes(format)) return;
  const text = `error: option '-o, --output <format>' argument '${format}' is invalid. ${allowed(known)}`;
  command.error(text, { exitCode: 2, code: 'commander.invalidArgument' });
}

/** As it was asked for. */
export function outputOf(command: Command): string {
  return String(command.optsWithGlobals()['output'] ?? 'table');
}

function allowed(formats: readonly string[]): string {
  return `Allowed choices are ${formats.join(', ')}.`;
}
