// The answer to a change (apply, delete, rollback): what changed or would change, what is wrong with it, or why the gate refuses it. Sets
// the exit code.
import type { InvalidAnswer } from '../../admin/client.ts';
import type { ApplyAnswer } from '../../admin/wire.ts';
import type { CutOverRow } from '../../admin/wire-record.ts';
import { escapeLine } from '../../lib/escape.ts';
import type { CliContext } from '../io.ts';
import { formatDifferences, formatImpact } from './format-differences.ts';
import { portText } from './port-text.ts';
import { type Format, print } from './print.ts';
import { printError, printFailure, printInvalid } from './print-failure.ts';
import { object, type Printed } from './prints.ts';
import { type NamedText, printProblems } from './problems.ts';
import { formatTable } from './table.ts';
import { relativeTime } from './time.ts';

/** What every change prints with -o json. */
export const printedChange: Printed = object(
  'kind revision changed warnings reasons receivedAt acceptedAt',
  'to deleted restored held byOthers differences impact traceId',
);

export interface ChangeView {
  /** Where excerpts are taken from. */
  readonly files?: readonly NamedText[];
  /** What was done. Default `applied`. */
  readonly done?: string;
  /** A dry run also shows the differences. */
  readonly diff?: boolean;
  /** A dry run that would change something exits with 5. */
  readonly detailed?: boolean;
  /** For documents that cannot be accepted. */
  readonly hint?: string;
}

export async function printChange(
  context: CliContext,
  format: Format,
  answer: ApplyAnswer | InvalidAnswer,
  { files = [], done = 'applied', diff = false, detailed = false, hint }: ChangeView = {},
): Promise<void> {
  const table = format === 'table';
  const now = context.clock.now();
  if (answer.kind === 'invalid' && answer.reasons !== undefined) {
    context.stderr.write(`error: ${escapeLine(answer.message)}\n`);
    if (table) context.stderr.write(formatReasons(answer.reasons, now));
    if (answer.hint !== undefined) context.stderr.write(`  hint: ${escapeLine(answer.hint)}\n`);
    await printError(context, format, answer);
    context.finish(1);
    return;
  }
  if (answer.kind === 'invalid' && answer.code === 'failed_precondition') {
    if (table) printProblems(context, answer.problems, files);
    await printFailure(context, format, answer);
    context.finish(1);
    return;
  }
  if (answer.kind === 'invalid') {
    await printInvalid(context, format, answer, { files, outcome: 'nothing was changed' });
    if (table && hint !== undefined) context.stderr.write(`  hint: ${hint}\n`);
    context.finish(3);
    return;
  }
  if (table) printProblems(context, [...answer.warnings, ...(answer.held ?? [])], files);
  if (table && answer.kind !== 'dry-run' && answer.reasons.length > 0) {
    context.stderr.write(
      `${holds(answer.reasons) ? 'forced despite the gate' : 'warnings of the gate'}:\n${formatReasons(answer.reasons, now)}`,
    );
  }
  if (table && answer.traceId !== undefined) context.stderr.write(`trace ${escapeLine(answer.traceId)}\n`);
  await print(context, format, {
    value: answer,
    table: () => (answer.kind === 'dry-run' ? formatDryRun(answer, diff, now) : formatDone(answer, done)),
  });
  if (answer.kind !== 'dry-run') return;
  if (holds(answer.reasons) || answer.held !== undefined) context.finish(4);
  else if (detailed && answer.changed.length > 0) context.finish(5);
}

function formatDone({ revision, to, changed, deleted = [], restored = [] }: ApplyAnswer, done: string): string {
  const again = restored
    .map((key) => `  put right in the store, where a refused edit stood: ${escapeLine(key)}\n`)
    .join('');
  if (changed.length === 0) return `unchanged (revision ${revision})\n${again}`;
  const back = to === undefined ? '' : `, as they were at ${to}`;
  // As a dry run and a diff show them; of `delete` it goes without saying.
  const mark = (key: string): string => (deleted.includes(key) && done !== 'deleted' ? 'delete ' : '');
  const lines = changed.map((key) => `  ${mark(key)}${escapeLine(key)}\n`);
  return `${done} ${changed.length} (revision ${revision}${back})\n${lines.join('')}${again}`;
}

function formatDryRun(answer: ApplyAnswer, diff: boolean, now: number): string {
  const { revision, to, differences = [], impact, reasons, held = [], byOthers } = answer;
  const count = differences.length === 0 ? 'nothing' : differences.length;
  return [
    `would change ${count} (revision ${revision}${to === undefined ? '' : `, back to ${to}`})\n`,
    ...differences.map(({ op, key }) => `  ${op} ${escapeLine(key)}\n`),
    diff ? formatDifferences(differences) : '',
    formatImpact(impact),
    held.length === 0 ? '' : heldUntil([...new Set(held.map(({ code }) => code))].join(','), byOthers === true),
    reasons.length === 0
      ? ''
      : `${holds(reasons) ? 'the gate would refuse it' : 'warnings of the gate'}:\n${formatReasons(reasons, now)}`,
  ].join('');
}

function heldUntil(codes: string, byOthers: boolean): string {
  return byOthers
    ? `it would be held until somebody else approves it: ${codes}\n`
    : `it would be held until it is confirmed: --confirm ${codes}\n`;
}

function holds(reasons: readonly CutOverRow[]): boolean {
  return reasons.some(({ warning }) => warning !== true);
}

function formatReasons(reasons: readonly CutOverRow[], now: number): string {
  return formatTable(
    ['SERVICE', 'WHO', 'WHY', 'CALLS', 'LAST'],
    reasons.map(({ service, port, who, why, count, lastSeen }) => [
      portText({ service, port }),
      who,
      why,
      count === undefined ? '-' : String(count),
      lastSeen === undefined ? '-' : relativeTime(lastSeen, now),
    ]),
  );
}
