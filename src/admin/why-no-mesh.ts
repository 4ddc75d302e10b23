// Why the control plane waits for its first Mesh: a broken document is reported before one that merely seems to be missing.
import type { Store } from '../store/store.ts';

export function whyNoMesh(store: Pick<Store, 'problems' | 'trouble'>): string {
  const trouble = store.trouble?.();
  if (trouble?.kind === 'away') return `the store is away: ${trouble.reason}`;
  const problems = store.problems();
  const errors = problems.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first === undefined) return 'no Mesh document yet';
  const { file, line, column } = first.source;
  const others = errors.length === 1 ? '' : ` (and ${errors.length - 1} more)`;
  return `documents refused, none in force: ${file}:${line}:${column}: ${first.message}${others}`;
}
