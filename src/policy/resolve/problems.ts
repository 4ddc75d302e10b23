// Collects what is wrong while documents are resolved, so that all of it is told at once.
import { type FieldPath, formatPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';

export interface ProblemDetails {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface Problems {
  error(document: ParsedDocument, place: FieldPath, details: ProblemDetails): void;
  warning(document: ParsedDocument, place: FieldPath, details: ProblemDetails): void;
  /** One that is complete. */
  add(problem: Problem): void;
  all(): readonly Problem[];
}

export function createProblems(): Problems {
  const found: Problem[] = [];
  const point = (
    severity: Problem['severity'],
    document: ParsedDocument,
    place: FieldPath,
    details: ProblemDetails,
  ): void => {
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
