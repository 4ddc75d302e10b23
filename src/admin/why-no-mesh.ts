// Why the control plane waits for its first Mesh: a broken document is reported before one that merely seems to be missing.
import type { Problem } from '../model/problem.ts';

export function whyNoMesh(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first === undefined) return 'no Mesh document yet';
  const { file, line, column } = first.source;
  const others = errors.length === 1 ? '' : ` (and ${errors.length - 1} more)`;
  return `documents refused, none in force: ${file}:${line}:${column}: ${first.message}${others}`;
}
