// `cellwall reject`: drops what waits for approval.
import { Command } from 'commander';
import { escapeLine } from '../../lib/escape.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';

export function rejectCommand(context: CliContext): Command {
  const command = new Command('reject')
    .summary('drop what waits for approval')
    .description(
      'Drops changes that wait for approval ("cellwall waiting" lists them). Documents that were written into the store ' +
        'itself are restored there, as they are in force.',
    )
    .argument('<rev...>', 'as "cellwall waiting" shows it')
    .addOption(reasonFlag())
    .action(async (revs: string[], _options: object, self: Command) => {
      const client = await connect(context, self);
      const answer = await client.reject({ revs, ...reasonOf(self) });
      await print(context, formatOf(self), {
        value: answer,
        table: () =>
          `rejected ${answer.rejected.length}\n${answer.keys.map((key) => `  ${escapeLine(key)}\n`).join('')}`,
      });
    });
  examples(command, 'reject 3f9a1c0de4b2 --reason "nobody knows of it"');
  return prints(addConnectionFlags(command), object('rejected keys'));
}
