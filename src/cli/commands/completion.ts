// `cellwall completion`: for a shell, the script with which it completes this program; for that script, the words that fit.
import { Argument, Command } from 'commander';
import { escapeLine } from '../../lib/escape.ts';
import type { Candidate } from '../completion/candidates.ts';
import type { Shell } from '../completion/scripts.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';

export function completionCommand(context: CliContext): Command {
  const command = new Command('completion')
    .summary('complete commands, flags and names in your shell')
    .description(
      'Prints what makes a shell complete commands, flags, and names: those of services, proxies, documents and hosts come from the ' +
        'control plane that the command line names, if it answers within a second. With words after "--", prints what fits at their end: ' +
        'that is what the shell asks.',
    )
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .argument('[word...]', 'of a command line; the last one is being typed')
    .action(async (shell: Shell, words: readonly string[], _options: object, self: Command) => {
      const { filesOnly, scripts } = await import('../completion/scripts.ts');
      const show = (value: object, text: string): Promise<void> | undefined => {
        if (formatOf(self) !== 'table')
          return print(context, formatOf(self), { value: { shell, ...value }, table: () => '' });
        context.stdout.write(text);
        return undefined;
      };
      if (words.length === 0) return show({ script: scripts[shell] }, scripts[shell]);
      const { candidatesFor } = await import('../completion/candidates.ts');
      const program = self.parent ?? self;
      const found = candidatesFor(program, words);
      if (found.kind === 'files') return show({ words: filesOnly }, `${filesOnly}\n`);
      const typed = words.at(-1) ?? '';
      const offered = found.kind === 'words' ? found.words : await named(context, found.names, words);
      const fitting = offered.filter(({ word }) => word.startsWith(typed));
      return show({ words: fitting }, fitting.map((one) => lineOf(one, shell)).join(''));
    });
  examples(command, 'completion bash > /etc/bash_completion.d/cellwall', 'completion zsh > ~/.zfunc/_cellwall');
  return prints(command, object('shell', 'script words'));
}

async function named(
  context: CliContext,
  kind: Parameters<typeof import('../completion/names.ts').namesOf>[1],
  words: readonly string[],
): Promise<readonly Candidate[]> {
  const { namesOf } = await import('../completion/names.ts');
  return (await namesOf(context, kind, words.slice(0, -1))).map((word) => ({ word }));
}

/** bash would insert the meaning, too. */
function lineOf({ word, about }: Candidate, shell: Shell): string {
  return shell === 'bash' || about === undefined ? `${word}\n` : `${word}\t${escapeLine(about)}\n`;
}
