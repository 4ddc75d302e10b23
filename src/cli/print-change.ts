// The answer to a change (apply, delete, rollback): what changed, what is wrong with it, or why the gate refuses it. Sets the exit code.
import type { InvalidAnswer } from '../admin/client.ts';
import type { ApplyAnswer } from '../admin/wire.ts';
import type { CutOverRow } from '../admin/wire-record.ts';
import { escapeLine } from './escape.ts';
import type { CliContext } from './io.ts';
import { type Format, print } from './print.ts';
import { countProblems, type NamedText, printProblems } from './problems.ts';
import { formatTable } from './table.ts';
import { relativeTime } from './time.ts';

export async function printChange(
  context: CliContext,
  format: Format,
  answer: ApplyAnswer | InvalidAnswer,
  files: readonly NamedText[] = [],
): Promise<void> {
  const table = format === 'table';
  if (answer.kind === 'invalid' && answer.reasons !== undefined) {
    if (!table) await print(context, format, { value: answer, table: () => '' });
    context.stderr.write(`error: ${escapeLine(answer.message)}\n`);
    if (table) context.stderr.write(formatReasons(answer.reasons, context.clock.now()));
    if (answer.hint !== undefined) context.stderr.write(`  hint: ${escapeLine(answer.hint)}\n`);
    context.finish(1);
    return;
  }
  const problems = answer.kind === 'invalid' ? answer.problems : answer.warnings;
  if (table) printProblems(context, problems, files);
  if (table && answer.kind !== 'invalid' && answer.reasons.length > 0) {
    const what = answer.kind === 'dry-run' ? 'the gate would refuse it' : 'forced against the gate';
    context.stderr.write(`${what}:\n${formatReasons(answer.reasons, context.clock.now())}`);
  }
  await print(context, format, { value: answer, table: () => (answer.kind === 'invalid' ? '' : formatChange(answer)) });
  if (answer.kind !== 'invalid') return;
  context.stderr.write(`${countProblems(problems)}: nothing was changed\n`);
  context.finish(3);
}

function formatChange({ kind, revision, changed }: ApplyAnswer): string {
  if (changed.length === 0) return `unchanged (revision ${revision})\n`;
  const done = kind === 'dry-run' ? 'would change' : 'applied';
  return `${done} ${changed.length} (revision ${revision})\n${changed.map((key) => `  ${escapeLine(key)}\n`).join('')}`;
}

function formatReasons(reasons: readonly CutOverRow[], now: number): string {
  return formatTable(
    ['SERVICE', 'WHO', 'WHY', 'CALLS', 'LAST'],
    reasons.map(({ service, who, why, count, lastSeen }) => [
      service,
      who,
      why,
      count === undefined ? '-' : String(count),
      lastSeen === undefined ? '-' : relativeTime(lastSeen, now),
    ]),
  );
}
