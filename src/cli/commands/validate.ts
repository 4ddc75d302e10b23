// `cellwall validate`: documents, offline: each by itself, and how they fit together.
import { Command } from 'commander';
import type { CliContext } from '../io.ts';
import { formatOf, print } from '../print.ts';
import { countProblems, printProblems } from '../problems.ts';
import { readDocuments } from '../read-documents.ts';

export function validateCommand(context: CliContext): Command {
  return new Command('validate')
    .summary('check documents, without a control plane')
    .description(
      'Checks documents, without a control plane: each by itself, and how they fit together. Exit 3 if invalid.',
    )
    .argument('[path...]', 'files or directories; - is standard input', ['cellwall'])
    .option('-f, --file <path...>', 'the same, as a flag')
    .action(async (paths: string[], options: { file?: string[] }, command: Command) => {
      const files = await readDocuments(context, options.file ?? paths);
      const { checkFiles } = await import('../check-files.ts');
      const { documents, problems } = checkFiles(files);
      const valid = !problems.some((problem) => problem.severity === 'error');
      const format = formatOf(command);
      if (format === 'table') printProblems(context, problems, files);
      await print(context, format, {
        value: { valid, documents: documents.map((item) => item.key), problems },
        table: () => {
          const count = countProblems(problems);
          const told = `${documents.length} ${documents.length === 1 ? 'document' : 'documents'}`;
          if (valid) return `valid: ${told}${count === '' ? '' : `, ${count}`}\n`;
          return `invalid: ${count}\n`;
        },
      });
      if (!valid) context.finish(3);
    });
}
