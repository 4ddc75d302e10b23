// `cellwall diff`: what an apply would change, as a unified diff a document.
import { Command } from 'commander';
import type { DiffAnswer } from '../../admin/wire.ts';
import { addConnectionFlags, connect } from '../connection.ts';
import { escapeBlock } from '../escape.ts';
import type { CliContext } from '../io.ts';
import { formatOf, print } from '../print.ts';
import { printProblems } from '../problems.ts';
import { readDocuments } from '../read-documents.ts';
import { unifiedDiff } from '../unified-diff.ts';

function impactLine({ impact }: DiffAnswer): string {
  if (impact === undefined) return '';
  const { newlyRefused, newlyAllowed, cannotTell } = impact;
  if (newlyRefused + newlyAllowed + cannotTell === 0) return '';
  return `of the calls of the last 7 days ${newlyRefused} would newly be refused, ${newlyAllowed} newly allowed, ${cannotTell} cannot be told (cellwall simulate)\n`;
}

export function diffCommand(context: CliContext): Command {
  const command = new Command('diff')
    .summary('compare files with what is in force')
    .description('Shows what an apply of these files would change. Exit 3 if anything differs, or they are invalid.')
    .requiredOption('-f, --file <path...>', 'files or directories of YAML; - is standard input')
    .action(async (options: { file: string[] }, self: Command) => {
      const files = await readDocuments(context, options.file);
      const client = await connect(context, self);
      const answer = await client.diff({ files: [...files] });
      const format = formatOf(self);
      if (format === 'table') printProblems(context, answer.problems, files);
      await print(context, format, {
        value: answer,
        table: () =>
          answer.kind === 'invalid'
            ? ''
            : answer.differences
                .map(({ key, before, after }) => escapeBlock(unifiedDiff(key, before, after)))
                .join('') + impactLine(answer),
      });
      const invalid = answer.problems.some((problem) => problem.severity === 'error');
      if (answer.kind === 'invalid' || invalid || answer.differences.length > 0) context.finish(3);
    });
  return addConnectionFlags(command);
}
