// `cellwall apply`: documents into the control plane, all of them or none.
import { Command } from 'commander';
import { addConnectionFlags, connect } from '../connection.ts';
import { escapeLine } from '../escape.ts';
import type { CliContext } from '../io.ts';
import { formatOf, print } from '../print.ts';
import { countProblems, printProblems } from '../problems.ts';
import { readDocuments } from '../read-documents.ts';

interface Options {
  readonly file: string[];
  readonly dryRun?: true;
  readonly urgent?: true;
  readonly expectedRevision?: string;
}

export function applyCommand(context: CliContext): Command {
  const command = new Command('apply')
    .summary('change documents in the control plane')
    .description('Creates or changes documents: all of them, or none. Exit 3 if they are invalid.')
    .requiredOption('-f, --file <path...>', 'files or directories of YAML; - is standard input')
    .option('--dry-run', 'say what would happen, change nothing')
    .option('--urgent', 'in force at once: not coalesced with other changes')
    .option('--expected-revision <number>', 'refuse if anything was changed since that revision')
    .action(async (options: Options, self: Command) => {
      const { expectedRevision } = options;
      if (expectedRevision !== undefined && !/^\d{1,15}$/.test(expectedRevision)) {
        self.error(`error: --expected-revision: not a revision: ${expectedRevision}`, { exitCode: 2 });
      }
      const files = await readDocuments(context, options.file);
      const client = await connect(context, self);
      const answer = await client.apply({
        files: [...files],
        dryRun: options.dryRun === true,
        urgent: options.urgent === true,
        ...(expectedRevision === undefined ? {} : { expectedRevision: Number(expectedRevision) }),
      });
      const format = formatOf(self);
      const problems = answer.kind === 'invalid' ? answer.problems : answer.warnings;
      if (format === 'table') printProblems(context, problems, files);
      await print(context, format, {
        value: answer,
        table() {
          if (answer.kind === 'invalid') return '';
          const revision = `revision ${answer.revision}`;
          if (answer.changed.length === 0) return `unchanged (${revision})\n`;
          const done = answer.kind === 'dry-run' ? 'would change' : 'applied';
          const keys = answer.changed.map((key) => `  ${escapeLine(key)}\n`).join('');
          return `${done} ${answer.changed.length} (${revision})\n${keys}`;
        },
      });
      if (answer.kind !== 'invalid') return;
      context.stderr.write(`${countProblems(problems)}: nothing was changed\n`);
      context.finish(3);
    });
  return addConnectionFlags(command);
}
