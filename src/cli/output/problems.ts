// Problems for people: file:line:column, the line itself with a caret, and what to do.

import { escapeLine } from '../../lib/escape.ts';
import type { Problem } from '../../model/problem.ts';
import type { CliIo } from '../io.ts';

/** A file's name (or `-`) and its text: where excerpts are taken from. */
export interface NamedText {
  readonly file: string;
  readonly text: string;
}

const maxShown = 100;
const maxExcerpt = 160;

export function printProblems(
  io: Pick<CliIo, 'stderr'>,
  problems: readonly Problem[],
  files: readonly NamedText[],
): void {
  const lines = new Map<string, readonly string[]>();
  for (const { file, text } of files) lines.set(file, text.split('\n'));
  for (const problem of problems.slice(0, maxShown)) io.stderr.write(formatWithExcerpt(problem, lines));
  if (problems.length > maxShown) io.stderr.write(`… and ${problems.length - maxShown} more\n`);
}

function formatWithExcerpt(
  { severity, message, hint, source }: Problem,
  lines: ReadonlyMap<string, readonly string[]>,
): string {
  const place = `${source.file}:${source.line}:${source.column}`;
  const head = `${escapeLine(place)}: ${severity}: ${escapeLine(message)}\n`;
  const line = lines.get(source.file)?.[source.line - 1]?.replace(/\r$/, '');
  const tail = hint === undefined ? '' : `  hint: ${escapeLine(hint)}\n`;
  if (line === undefined || line.trim() === '') return head + tail;
  const number = String(source.line);
  const before = escapeLine(line.slice(0, source.column - 1));
  const margin = `${' '.repeat(number.length + 2)} | `;
  const shown = escapeLine(line);
  const excerpt = shown.length > maxExcerpt ? `${shown.slice(0, maxExcerpt)}…` : shown;
  const caret = before.length < maxExcerpt ? `${margin}${' '.repeat(before.length)}^\n` : '';
  return `${head}  ${number} | ${excerpt}\n${caret}${tail}`;
}

/** "2 errors, 1 warning" */
export function countProblems(problems: readonly Problem[]): string {
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  const warnings = problems.length - errors;
  const parts = [
    ...(errors > 0 ? [`${errors} ${errors === 1 ? 'error' : 'errors'}`] : []),
    ...(warnings > 0 ? [`${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`] : []),
  ];
  return parts.join(', ');
}
