// The text output of `cellwall doctor`: about the calls of one service to another, and about the mesh. Pure.
import type { DiagnosisAnswer, DiagnosisFinding, MeshDiagnosisAnswer } from '../../admin/wire-doctor.ts';
import { escapeBlock, escapeLine } from '../../lib/escape.ts';

const verdicts: Readonly<Record<DiagnosisAnswer['verdict'], string>> = {
  broken: 'BROKEN',
  failing: 'FAILING',
  fine: 'FINE',
  unknown: 'UNKNOWN',
};

export function formatDiagnosis(answer: DiagnosisAnswer): string {
  const { verdict, caller, target, findings, rule, checked, unseen } = answer;
  const causes = findings.filter(({ weight }) => weight !== 'note');
  const notes = findings.filter(({ weight }) => weight === 'note');
  const denied = findings.some(({ cause, weight }) => cause === 'denied' && weight !== 'note');
  return [
    `${verdicts[verdict]}: ${escapeLine(caller)} -> ${escapeLine(target)}${operation(answer)}\n`,
    ...(causes.length === 0 ? ['\nnothing was found that would make a call fail\n'] : causes.map(formatFinding)),
    ...(denied && rule !== undefined ? [`\nto allow it, apply:\n\n${escapeBlock(rule).trimEnd()}\n`] : []),
    ...list(
      'also',
      notes.map(({ what, toDo }) => `${what} (${toDo})`),
    ),
    ...list('in order', checked),
    ...list('not seen', unseen),
  ].join('');
}

export function formatMeshDiagnosis({ verdict, findings, omitted = 0, checked, unseen }: MeshDiagnosisAnswer): string {
  const causes = findings.filter(({ weight }) => weight !== 'note');
  const notes = findings.filter(({ weight }) => weight === 'note');
  return [
    `${verdicts[verdict]}: the mesh\n`,
    ...(causes.length === 0 ? ['\nnothing was found that is wrong right now\n'] : causes.map(formatFinding)),
    ...(omitted === 0 ? [] : [`\n… and ${omitted} more: mend these first\n`]),
    ...list(
      'also',
      notes.map(({ what, toDo }) => `${what} (${toDo})`),
    ),
    ...list('in order', checked),
    ...list('not seen', unseen),
  ].join('');
}

function operation({ operation: { from, method = '', path = '' } }: DiagnosisAnswer): string {
  const text = escapeLine(`${method} ${path}`.trim());
  switch (from) {
    case 'asked':
      return `, ${text}`;
    case 'last':
      return `, ${text} (the last call that failed)`;
    case 'any':
      return '';
    default:
      return from satisfies never;
  }
}

/** Numbered from one. `calls`: those that it breaks. */
function formatFinding(
  { cause, what, toDo, evidence, calls = [] }: DiagnosisFinding & { readonly calls?: readonly string[] },
  index: number,
): string {
  return [
    `\n${index + 1}. ${escapeLine(what)}\n`,
    `   do: ${escapeLine(toDo)}\n`,
    ...(calls.length === 0 ? [] : [`   calls: ${escapeLine(calls.join(', '))}\n`]),
    ...evidence.map((line) => `   seen: ${escapeLine(line)}\n`),
    `   [${escapeLine(cause)}]\n`,
  ].join('');
}

function list(heading: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`\n${heading}:\n`, ...lines.map((line) => `  - ${escapeLine(line)}\n`)];
}
