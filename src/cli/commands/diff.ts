// `cellwall diff`: what an apply would change, as one unified diff per document.
import { Command } from 'commander';
import { addConnectionFlags, connect } from '../flags/connection.ts';
import { readDocuments } from '../flags/read-documents.ts';
import type { CliContext } from '../io.ts';
import { formatDifferences, formatImpact } from '../output/format-differences.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { printInvalid } from '../output/print-failure.ts';
import { object, prints } from '../output/prints.ts';
import { printProblems } from '../output/problems.ts';

export function diffCommand(context: CliContext): Command {
  const command = new Command('diff')
    .summary('compare files with what is in force')
    .description('Shows what an apply of these files would change. Exit 3 if anything differs, or they are invalid.')
    .requiredOption('-f, --file <path...>', 'files or directories of YAML; - is standard input')
    .option('--prune', 'also show every document in force that is not in these files as deleted')
    .action(async (options: { file: string[]; prune?: true }, self: Command) => {
      const files = await readDocuments(context, options.file);
      const client = await connect(context, self);
      const answer = await client.diff({ files: [...files], prune: options.prune === true });
      const format = formatOf(self);
      if (answer.kind === 'invalid') {
        await printInvalid(context, format, answer, { files, outcome: 'nothing can be compared' });
        context.finish(3);
        return;
      }
      if (format === 'table') printProblems(context, answer.problems, files);
      await print(context, format, {
        value: answer,
        table: () => formatDifferences(answer.differences) + formatImpact(answer.impact),
      });
      const invalid = answer.problems.some((problem) => problem.severity === 'error');
      if (invalid || answer.differences.length > 0) context.finish(3);
    });
  examples(command, 'diff -f api.yaml');
  return prints(addConnectionFlags(command), object('kind revision differences problems', 'impact'));
}
