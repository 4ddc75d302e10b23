// `cellwall delete`: one or more documents by key.
import { Command } from 'commander';
import { defined } from '../../lib/defined.ts';
import { confirmFlag } from '../flags/confirm.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { parseKey } from '../flags/document-key.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf } from '../output/print.ts';
import { printChange, printedChange } from '../output/print-change.ts';
import { prints } from '../output/prints.ts';

export function deleteCommand(context: CliContext): Command {
  const command = new Command('delete')
    .summary('delete documents')
    .description('Deletes documents by key: all of them, or none. Exit 3 if what remains would be invalid.')
    .argument('<key...>', 'Kind/name or Kind/cell/name', (text: string, before: string[] | undefined) => [
      ...(before ?? []),
      parseKey(text),
    ])
    .option('--dry-run', 'show what would happen, change nothing; exit 4 if the gate would refuse it')
    .option('--urgent', 'take effect at once, without waiting to be combined with other changes')
    .addOption(confirmFlag())
    .addOption(reasonFlag())
    .action(async (keys: string[], options: { dryRun?: true; urgent?: true; confirm?: string[] }, self: Command) => {
      const client = await connect(context, self);
      // A key that does not exist is reported as such, rather than answered with "unchanged".
      for (const key of keys) await client.document(key);
      const answer = await client.apply({
        changes: keys.map((key) => ({ op: 'delete', key })),
        dryRun: options.dryRun === true,
        urgent: options.urgent === true,
        ...reasonOf(self),
        ...defined({ confirm: options.confirm }),
      });
      const named = 'delete what refers to it in the same command, or first change that with "cellwall apply"';
      // No document refers to the Mesh by name, but it is needed.
      const noMesh = answer.kind === 'invalid' && answer.problems.some(({ code }) => code === 'no-mesh');
      await printChange(context, formatOf(self), answer, { done: 'deleted', ...(noMesh ? {} : { hint: named }) });
    });
  examples(command, 'delete policy/api service/old --dry-run');
  return prints(addConnectionFlags(command), printedChange);
}
