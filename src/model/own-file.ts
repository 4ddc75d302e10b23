// A document that was read from a stream, as if its text were its own file: what is parsed once is not parsed again where it is stored.
// Pure.
import type { FieldPath } from './field-path.ts';
import type { ParsedDocument } from './parsed-document.ts';
import type { Source } from './problem.ts';

/** At the start of a text these mean something to YAML that they may not mean in the middle of a stream. */
const odd = /\ufeff|^(?:%|---|\.\.\.)/m;

/** Undefined if the text must be read by itself to know what it says. */
export function asOwnFile(parsed: ParsedDocument, file: string): ParsedDocument | undefined {
  const { text, begins, source, locate } = parsed;
  if (odd.test(text)) return undefined;
  const place = ({ line, column }: Source): Source => ({
    file,
    line: line - begins.line + 1,
    column: line === begins.line ? column - begins.column + 1 : column,
  });
  return {
    ...parsed,
    source: place(source),
    begins: { file, line: 1, column: 1 },
    locate: (path: FieldPath) => place(locate(path)),
  };
}
