// What is wrong with a document, reported to its author. Rooms collect problems; they do not throw them.

/** 1-based position in a source file (or a store key). */
export interface Source {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Problem {
  /** An error refuses the change; a warning is shown and the change proceeds. */
  readonly severity: 'error' | 'warning';
  /** Stable machine-readable name, kebab-case: `unknown-field`, `unknown-service`, … */
  readonly code: string;
  readonly message: string;
  /** What to do. */
  readonly hint?: string;
  readonly source: Source;
  /** Path inside the document, for machines: `spec.rules[0].from[1].service`. */
  readonly path?: string;
}

/** A problem without its place. */
export type ProblemDetails = Pick<Problem, 'code' | 'message' | 'hint'>;

/** `file:line:column: error: message (hint)` */
export function formatProblem({ severity, message, hint, source }: Problem): string {
  const tail = hint === undefined ? '' : `\n  hint: ${hint}`;
  return `${source.file}:${source.line}:${source.column}: ${severity}: ${message}${tail}`;
}
