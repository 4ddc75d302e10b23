// `cellwall approve`: puts in force what waits.
import { Command } from 'commander';
import { defined } from '../../lib/defined.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { ignoreAddressFlag, sinceFlag } from '../flags/gate.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf } from '../output/print.ts';
import { printChange, printedChange } from '../output/print-change.ts';
import { prints } from '../output/prints.ts';

interface Options {
  readonly dryRun?: true;
  readonly since?: string;
  readonly ignoreAddress?: string[];
  readonly force?: true;
}

export function approveCommand(context: CliContext): Command {
  const command = new Command('approve')
    .summary('put in force what waits')
    .description(
      'Puts changes in force that wait for approval ("cellwall waiting" lists them): all that are named, or none. It is ' +
        'bound to what was listed: if a text has changed since, nothing happens. Needs the role admin.',
    )
    .argument('<rev...>', 'as "cellwall waiting" shows it')
    .option('--dry-run', 'show what would happen, change nothing; exit 4 if the gate would refuse it')
    .addOption(sinceFlag())
    .addOption(ignoreAddressFlag())
    .option('--force', 'make services strict despite the reasons of the gate; written to the audit log')
    .addOption(reasonFlag())
    .action(async (revs: string[], { dryRun, since, ignoreAddress, force }: Options, self: Command) => {
      const client = await connect(context, self);
      const answer = await client.approve({
        revs,
        dryRun: dryRun === true,
        force: force === true,
        ...reasonOf(self),
        ...defined({ ignoreAddresses: ignoreAddress, since }),
      });
      await printChange(context, formatOf(self), answer, { done: 'approved', diff: true });
    });
  examples(command, 'approve 3f9a1c0de4b2 --dry-run', 'approve 3f9a1c0de4b2 --reason "change 4711"');
  return prints(addConnectionFlags(command), printedChange);
}
