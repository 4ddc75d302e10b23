// `cellwall rollback`: one step back, or several, in force at once.
import { Command } from 'commander';
import { defined } from '../../lib/defined.ts';
import { confirmFlag } from '../flags/confirm.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { flag } from '../flags/environment.ts';
import { ignoreAddressFlag, sinceFlag } from '../flags/gate.ts';
import { revision } from '../flags/number.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf } from '../output/print.ts';
import { printChange, printedChange } from '../output/print-change.ts';
import { prints } from '../output/prints.ts';

interface Options {
  readonly to?: number;
  readonly dryRun?: true;
  readonly since?: string;
  readonly ignoreAddress?: string[];
  readonly force?: true;
  readonly confirm?: string[];
}

export function rollbackCommand(context: CliContext): Command {
  const command = new Command('rollback')
    .summary('go back to an earlier revision')
    .description(
      'Restores the documents of an earlier revision as a new revision, in force at once. A rollback that ' +
        'makes a service strict goes through the same gate as an apply.',
    )
    .addOption(
      flag('--to <revision>', 'the revision to go back to', { defaultText: 'the one before', parse: revision }),
    )
    .option('--dry-run', 'show what would happen, change nothing; exit 4 if the gate would refuse it')
    .addOption(sinceFlag())
    .addOption(ignoreAddressFlag())
    .option('--force', 'make services strict despite the reasons of the gate; written to the audit log')
    .addOption(confirmFlag())
    .addOption(reasonFlag())
    .action(async ({ to, dryRun, since, ignoreAddress, force, confirm }: Options, self: Command) => {
      const client = await connect(context, self);
      const answer = await client.rollback({
        dryRun: dryRun === true,
        force: force === true,
        ...reasonOf(self),
        ...defined({ ignoreAddresses: ignoreAddress, to, since, confirm }),
      });
      await printChange(context, formatOf(self), answer, { done: 'put back', diff: true });
    });
  examples(command, 'rollback --dry-run', 'rollback --to 12');
  return prints(addConnectionFlags(command), printedChange);
}
