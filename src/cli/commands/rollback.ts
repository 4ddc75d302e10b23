// `cellwall rollback`: one step back, or several, in force at once.
import { Command } from 'commander';
import { addConnectionFlags, connect } from '../connection.ts';
import type { CliContext } from '../io.ts';
import { formatOf } from '../print.ts';
import { printChange, printedChange } from '../print-change.ts';
import { prints } from '../prints.ts';

interface Options {
  readonly to?: string;
  readonly dryRun?: true;
  readonly since?: string;
  readonly force?: true;
}

export function rollbackCommand(context: CliContext): Command {
  const command = new Command('rollback')
    .summary('go back to an earlier revision')
    .description(
      'Puts the documents back as they were, as a new revision, in force at once. A way back that makes a service strict passes the\nsame gate as an apply.',
    )
    .option('--to <revision>', 'default: the one before')
    .option('--dry-run', 'say what would happen, change nothing')
    .option('--since <duration>', 'before a service becomes strict, look back so far')
    .option('--force', 'make it strict all the same; written to the audit log')
    .action(async ({ to, dryRun, since, force }: Options, self: Command) => {
      if (to !== undefined && !/^\d{1,15}$/.test(to)) {
        self.error(`error: --to: not a revision: ${to}`, { exitCode: 2 });
      }
      const client = await connect(context, self);
      const answer = await client.rollback({
        dryRun: dryRun === true,
        force: force === true,
        ...(to === undefined ? {} : { to: Number(to) }),
        ...(since === undefined ? {} : { since }),
      });
      await printChange(context, formatOf(self), answer, { done: 'put back', diff: true });
    });
  return prints(addConnectionFlags(command), printedChange);
}
