// What `--store-option` and `--ca-option` can set, a line each, below the help of every command that has such a flag. Loads every kind, and
// so only when somebody asks for help.
import type { Command } from 'commander';
import { authorities } from '../../identity/catalog.ts';
import type { NamedOption } from '../../lib/named-options.ts';
import { stores } from '../../store/catalog.ts';

type Kinds = Readonly<Record<string, () => Promise<{ readonly options: Readonly<Record<string, NamedOption>> }>>>;

const flags: readonly { readonly flag: string; readonly option: string; readonly kinds: Kinds }[] = [
  { flag: '--store', option: '--store-option', kinds: stores },
  { flag: '--ca', option: '--ca-option', kinds: authorities },
];

export async function describeKinds(program: Command): Promise<void> {
  for (const { flag, option, kinds } of flags) {
    const loaded = await Promise.all(
      Object.entries(kinds).map(async ([kind, load]) => ({ kind, options: Object.entries((await load()).options) })),
    );
    for (const command of below(program)) {
      if (!command.options.some(({ long }) => long === option)) continue;
      // One text for all of them: commander has a listener for each.
      command.addHelpText('after', () =>
        loaded
          .filter(({ options }) => options.length > 0)
          .map(
            ({ kind, options }) => `\nWith ${flag} ${kind}, each as ${option} NAME=VALUE:\n${lines(command, options)}`,
          )
          .join('\n'),
      );
    }
  }
}

function below(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(below)];
}

function lines(command: Command, options: readonly (readonly [string, NamedOption])[]): string {
  const help = command.createHelp();
  help.prepareContext({});
  const width = Math.max(...options.map(([name]) => name.length));
  return options
    .map(([name, { description, required }]) =>
      help.formatItem(name, width, required === true ? `${description} (required)` : description, help),
    )
    .join('\n');
}
