// `cellwall delete`: one or more documents by key.
import { Command } from 'commander';
import { addConnectionFlags, connect } from '../connection.ts';
import { parseKey } from '../document-key.ts';
import { escapeLine } from '../escape.ts';
import type { CliContext } from '../io.ts';
import { formatOf, print } from '../print.ts';
import { countProblems, printProblems } from '../problems.ts';

export function deleteCommand(context: CliContext): Command {
  const command = new Command('delete')
    .summary('delete documents')
    .description('Deletes documents by key: all of them, or none. Exit 3 if what remains would be invalid.')
    .argument('<key...>', 'Kind/name or Kind/cell/name', (text: string, before: string[] | undefined) => [
      ...(before ?? []),
      parseKey(text),
    ])
    .option('--dry-run', 'say what would happen, change nothing')
    .option('--urgent', 'in force at once: not coalesced with other changes')
    .action(async (keys: string[], options: { dryRun?: true; urgent?: true }, self: Command) => {
      const client = await connect(context, self);
      // A key that is not there is told as such, rather than answered with "unchanged".
      for (const key of keys) await client.document(key);
      const answer = await client.apply({
        changes: keys.map((key) => ({ op: 'delete', key })),
        dryRun: options.dryRun === true,
        urgent: options.urgent === true,
      });
      const format = formatOf(self);
      const problems = answer.kind === 'invalid' ? answer.problems : answer.warnings;
      if (format === 'table') printProblems(context, problems, []);
      await print(context, format, {
        value: answer,
        table() {
          if (answer.kind === 'invalid') return '';
          const done = answer.kind === 'dry-run' ? 'would delete' : 'deleted';
          return answer.changed.map((key) => `${done} ${escapeLine(key)} (revision ${answer.revision})\n`).join('');
        },
      });
      if (answer.kind !== 'invalid') return;
      context.stderr.write(`${countProblems(problems)}: nothing was changed\n`);
      if (format === 'table') {
        context.stderr.write(
          '  hint: delete what names it in the same command, or change that first with "cellwall apply"\n',
        );
      }
      context.finish(3);
    });
  return addConnectionFlags(command);
}
