// `cellwall audit`: who changed what, which gates were forced, which tokens were created; and whether the log was tampered with. Below it,
// what an auditor asks for.
import { Command } from 'commander';
import { escapeLine } from '../../lib/escape.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { formatTable } from '../output/table.ts';
import { auditMtlsCommand, auditVerifyReportCommand } from './audit-mtls.ts';
import { auditCheckpointsCommand, auditVerifyCommand } from './audit-verify.ts';

interface ListOptions {
  readonly last: string;
  readonly all?: true;
}

export function auditCommand(context: CliContext): Command {
  const list = new Command('list')
    .summary('print the audit log')
    .description(
      'Prints the audit log, oldest first. Exit 3 if its chain is broken: a record was changed or removed. "cellwall audit" does the same.',
    )
    .option('--last <number>', 'how many of the latest records', '100')
    .option(
      '--all',
      'also what is recorded all the time: issued certificates, hosts that proved themselves, sign-ins, checkpoints',
    )
    .action(async ({ last, all }: ListOptions, self: Command) => {
      if (!/^[1-9]\d{0,3}$|^10000$/.test(last)) {
        self.error(`error: --last: expected a number from 1 to 10000, found ${last}`, { exitCode: 2 });
      }
      const client = await connect(context, self);
      const answer = await client.audit(Number(last), all === true);
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
      for (const { replica, line, what } of answer.broken ?? []) {
        context.stderr.write(`the chain of ${escapeLine(replica)} is broken at line ${line}${because(what)}\n`);
      }
      if (answer.broken === undefined) {
        context.stderr.write(`the chain is broken at line ${answer.brokenAt}${because(answer.what)}\n`);
      }
      context.finish(3);
    });
  examples(list, 'audit --last 20');
  return new Command('audit')
    .summary('print or verify the audit log; report on mTLS')
    .description(
      'Who changed what and why, who was given an identity, and who was refused; and how much of the traffic is mTLS. Without a ' +
        'subcommand, prints the audit log.',
    )
    .addCommand(prints(addConnectionFlags(list), object('intact records', 'brokenAt what broken silent')), {
      isDefault: true,
    })
    .addCommand(auditMtlsCommand(context))
    .addCommand(auditVerifyReportCommand(context))
    .addCommand(auditVerifyCommand(context))
    .addCommand(auditCheckpointsCommand(context));
}

function because(what: string | undefined): string {
  return what === undefined ? '' : `: ${escapeLine(what)}`;
}
