// `cellwall audit`: who changed what, which gates were forced, which tokens were created; and whether the log was tampered with.
import { Command } from 'commander';
import { escapeLine } from '../../lib/escape.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';

export function auditCommand(context: CliContext): Command {
  const command = new Command('audit')
    .summary('print the audit log')
    .description('Prints the audit log, oldest first. Exit 3 if its chain is broken: a record was changed or removed.')
    .option('--last <number>', 'how many of the latest records', '100')
    .action(async ({ last }: { last: string }, self: Command) => {
      if (!/^[1-9]\d{0,3}$|^10000$/.test(last)) {
        self.error(`error: --last: expected a number from 1 to 10000, found ${last}`, { exitCode: 2 });
      }
      const client = await connect(context, self);
      const answer = await client.audit(Number(last));
      const several = answer.records.some(({ replica }) => replica !== undefined);
      await print(context, formatOf(self), {
        value: answer,
        table: () =>
          formatTable(
            [...(several ? ['CONTROL PLANE'] : []), 'NUMBER', 'TIME', 'WHAT', 'DETAILS'],
            answer.records.map(({ number, time, replica, event: { kind, ...details } }) => [
              ...(several ? [replica ?? '-'] : []),
              String(number),
              time,
              kind,
              Object.entries(details)
                .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
                .join(' '),
            ]),
          ),
      });
      for (const silent of answer.silent ?? []) {
        context.stderr.write(`${escapeLine(silent)} did not answer, or is gone: its records are missing here\n`);
      }
      if (answer.intact) return;
      for (const { replica, line } of answer.broken ?? []) {
        context.stderr.write(`the chain of ${escapeLine(replica)} is broken at line ${line}\n`);
      }
      if (answer.broken === undefined) context.stderr.write(`the chain is broken at line ${answer.brokenAt}\n`);
      context.finish(3);
    });
  examples(command, 'audit --last 20');
  return prints(addConnectionFlags(command), object('intact records', 'brokenAt broken silent'));
}
