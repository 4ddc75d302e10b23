// `cellwall audit mtls`: the signed report of mTLS coverage; `cellwall audit verify-report`: whether a file is one, without a control
// plane.
import { Command } from 'commander';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { flag } from '../flags/environment.ts';
import { duration } from '../flags/number.ts';
import { readFile } from '../flags/read-file.ts';
import { readRoots } from '../flags/read-roots.ts';
import type { CliContext } from '../io.ts';
import { alsoPrints, outputOf } from '../output/formats.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';

const files = ['csv', 'html', 'pdf'] as const;

export function auditMtlsCommand(context: CliContext): Command {
  const command = new Command('mtls')
    .summary('report, signed, which calls were mTLS')
    .description(
      'Reports which calls of the mesh were mTLS and which were not, with address, service and time; which dependencies are declared and ' +
        'were not called; of which times nothing is known; and which handshakes were refused. Signed by a key that the CA vouches for: ' +
        '-o json, csv, html and pdf can be verified without a control plane.',
    )
    .addOption(flag('--since <duration>', 'how far to look back, 31d at most', { default: '30d', parse: duration }))
    .action(async ({ since }: { readonly since: string }, self: Command) => {
      const { reportFileOf, renderReport } = await import('../../report/report-file.ts');
      const file = reportFileOf((await (await connect(context, self)).mtlsReport(since)).signed);
      const form = files.find((one) => one === outputOf(self));
      // As it is: it is a file, whose bytes are verified.
      if (form !== undefined) return void context.stdout.write(renderReport(file, form));
      const { formatReport } = await import('../output/format-report.ts');
      await print(context, formatOf(self), { value: file, table: () => formatReport(file.report) });
    });
  examples(command, 'audit mtls --since 30d', 'audit mtls -o pdf > mtls.pdf');
  return alsoPrints(prints(addConnectionFlags(command), object('report signed')), files);
}

export function auditVerifyReportCommand(context: CliContext): Command {
  const command = new Command('verify-report')
    .summary('verify such a report, without a control plane')
    .description(
      'Verifies a report of "audit mtls" (-o json, csv, html or pdf): that the CA vouched for the key that signed it when it ' +
        'was made, and that all that the file shows is signed. Needs no control plane. Exit 1 if not, saying why.',
    )
    .argument('<file>', 'the report')
    .addOption(
      flag(
        '--bundle <file>',
        'PEM of the roots that were trusted when it was made, kept elsewhere',
      ).makeOptionMandatory(),
    )
    .action(async (path: string, { bundle }: { readonly bundle: string }, self: Command) => {
      const { verifyReportFile } = await import('../../report/report-file.ts');
      const content = readFile(path).toString('utf8');
      const { report, signer, serial } = verifyReportFile(content, readRoots(bundle));
      const { formatReport, formatSigner } = await import('../output/format-report.ts');
      await print(context, formatOf(self), {
        value: { signer, serial, report },
        table: () => `${formatSigner({ report, signer, serial })}\n${formatReport(report)}`,
      });
    });
  examples(command, 'audit verify-report mtls.pdf --bundle roots.pem');
  return prints(command, object('signer serial report'));
}
