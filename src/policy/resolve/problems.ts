// Collects what is wrong while documents are resolved, so that everything is reported at once.
import type { Written } from '../../model/documents/kind.ts';
import { type FieldPath, formatPath } from '../../model/field-path.ts';
import type { Problem, ProblemDetails } from '../../model/problem.ts';

type Located = Pick<Written<unknown>, 'locate'>;

/** `place` is a path in the document; line and column come from it. */
export interface Problems {
  error(document: Located, place: FieldPath, details: ProblemDetails): void;
  warning(document: Located, place: FieldPath, details: ProblemDetails): void;
  /** One that is complete. */
  add(problem: Problem): void;
  all(): readonly Problem[];
}

export function createProblems(): Problems {
  const found: Problem[] = [];
  const point = (severity: Problem['severity'], document: Located, place: FieldPath, details: ProblemDetails): void => {
    found.push({ severity, ...details, source: document.locate(place), path: formatPath(place) });
  };
  return {
    error: (document, place, details) => point('error', document, place, details),
    warning: (document, place, details) => point('warning', document, place, details),
    add(problem) {
      found.push(problem);
    },
    all: () => found,
  };
}
