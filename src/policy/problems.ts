// Collects what is wrong while documents are resolved, so that all of it is told at once.
import { type FieldPath, formatPath } from '../model/field-path.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem, Source } from '../model/problem.ts';

export interface ProblemDetails {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface Problems {
  error(document: ParsedDocument, place: FieldPath, details: ProblemDetails): void;
  warning(document: ParsedDocument, place: FieldPath, details: ProblemDetails): void;
  /** For what has no document to point into. */
  errorAt(source: Source, details: ProblemDetails): void;
  all(): readonly Problem[];
}

export function createProblems(): Problems {
  const found: Problem[] = [];
  const add = (
    severity: Problem['severity'],
    document: ParsedDocument,
    place: FieldPath,
    details: ProblemDetails,
  ): void => {
    found.push({ severity, ...details, source: document.locate(place), path: formatPath(place) });
  };
  return {
    error: (document, place, details) => add('error', document, place, details),
    warning: (document, place, details) => add('warning', document, place, details),
    errorAt(source, details) {
      found.push({ severity: 'error', ...details, source });
    },
    all: () => found,
  };
}
