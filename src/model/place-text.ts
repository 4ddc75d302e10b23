// A place in the documents as text: `AuthorizationPolicy/cell-1/api spec.rules[0] (mesh.yaml:12)`, or `… (line 3)` for a document that came
// by API and has no file.
import { type FieldPath, formatPath } from './field-path.ts';
import type { Source } from './problem.ts';

/** `path` as in a place, or as text. */
export function placeText({
  document,
  path,
  source: { file, line },
}: {
  readonly document: string;
  readonly path: FieldPath | string;
  readonly source: Source;
}): string {
  const part = typeof path === 'string' ? path : formatPath(path);
  return `${document}${part === '' ? '' : ` ${part}`} (${file === document ? `line ${line}` : `${file}:${line}`})`;
}
