// `cellwall apply`: sends documents to the control plane; all of them are applied, or none.
import { Command } from 'commander';
import { defined } from '../../lib/defined.ts';
import { confirmFlag } from '../flags/confirm.ts';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { flag } from '../flags/environment.ts';
import { ignoreAddressFlag, sinceFlag } from '../flags/gate.ts';
import { revision } from '../flags/number.ts';
import { readDocuments } from '../flags/read-documents.ts';
import { reasonFlag, reasonOf } from '../flags/reason.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf } from '../output/print.ts';
import { printChange, printedChange } from '../output/print-change.ts';
import { prints } from '../output/prints.ts';

interface Options {
  readonly file: string[];
  readonly prune?: true;
  readonly dryRun?: true;
  readonly detailedExitCode?: true;
  readonly urgent?: true;
  readonly expectedRevision?: number;
  readonly since?: string;
  readonly ignoreAddress?: string[];
  readonly force?: true;
  readonly confirm?: string[];
}

export function applyCommand(context: CliContext): Command {
  const command = new Command('apply')
    .summary('change documents in the control plane')
    .description(
      'Creates or changes documents: all of them, or none. Exit 3 if they are invalid. A change that makes ' +
        'a permissive service strict is refused (exit 1) as long as any caller would be cut off.',
    )
    .requiredOption('-f, --file <path...>', 'files or directories of YAML; - is standard input')
    .option('--prune', 'also delete every document in force that is not in these files')
    .option('--dry-run', 'show what would happen, change nothing; exit 4 if the gate would refuse it')
    .option('--detailed-exit-code', 'with --dry-run: exit 5 if anything would change, 0 only if nothing would')
    .option('--urgent', 'take effect at once, without waiting to be combined with other changes')
    .addOption(
      flag('--expected-revision <number>', 'refuse if anything has changed since that revision', { parse: revision }),
    )
    .addOption(sinceFlag())
    .addOption(ignoreAddressFlag())
    .option(
      '--force',
      'make services strict despite the reasons of the gate, including those that wait as edited files; written to the audit log',
    )
    .addOption(confirmFlag())
    .addOption(reasonFlag())
    .action(async (options: Options, self: Command) => {
      const { expectedRevision } = options;
      if (options.detailedExitCode === true && options.dryRun !== true) {
        self.error('error: --detailed-exit-code belongs to --dry-run', { exitCode: 2 });
      }
      const files = await readDocuments(context, options.file);
      const client = await connect(context, self);
      const answer = await client.apply({
        files: [...files],
        prune: options.prune === true,
        dryRun: options.dryRun === true,
        urgent: options.urgent === true,
        force: options.force === true,
        ...reasonOf(self),
        ...defined({
          ignoreAddresses: options.ignoreAddress,
          since: options.since,
          expectedRevision,
          confirm: options.confirm,
        }),
      });
      await printChange(context, formatOf(self), answer, {
        files,
        detailed: options.detailedExitCode === true,
      });
    });
  examples(
    command,
    'apply -f api.yaml --dry-run',
    'apply -f mesh.d',
    'apply --prune -f mesh.d --dry-run --detailed-exit-code -o json',
  );
  return prints(addConnectionFlags(command), printedChange);
}
