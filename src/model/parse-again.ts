// A text that was parsed, edited: only the documents in it that are others are parsed again, and those that stand where they stood are the
// very same. Pure.
import { duplicateDocuments } from './duplicate-documents.ts';
import type { FieldPath } from './field-path.ts';
import { type ParseResult, parseDocuments } from './parse.ts';
import type { ParsedDocument } from './parsed-document.ts';
import type { Source } from './problem.ts';

/** Directives, ends and byte order marks, which mean something to what follows; a document on the line of its `---`; other line breaks. */
const odd = /\ufeff|^%|^\.\.\.|^---[ \t]*[^ \t\n]|\r/m;
/** At the start of a line it begins a document wherever it stands (YAML 1.2.2, c-forbidden). */
const marker = /^---[ \t]*\n/gm;

/** As `parseDocuments` would read it. `known` are documents of an earlier text of this file. */
export function parseAgain(text: string, file: string, known: readonly ParsedDocument[]): ParseResult {
  if (known.length < 2 || odd.test(text)) return parseDocuments(text, file);
  const byText = new Map(known.map((document) => [document.text, document]));
  const documents: ParsedDocument[] = [];
  let line = 1;
  for (const part of text.split(marker)) {
    const there = byText.get(part);
    if (there !== undefined) documents.push(at(there, line));
    else {
      const parsed = parseDocuments(part, file);
      // What is wrong is told with its place in the whole.
      if (parsed.kind === 'invalid' || parsed.documents.length > 1) return parseDocuments(text, file);
      for (const document of parsed.documents) documents.push(at(document, line));
    }
    line += lineBreaks(part) + 1;
  }
  const problems = duplicateDocuments(documents);
  return problems.length > 0 ? { kind: 'invalid', problems } : { kind: 'parsed', documents };
}

/** As they were parsed, of those that stand on other lines now. */
const originals = new WeakMap<ParsedDocument, ParsedDocument>();

/** As if its text began on that line. */
function at(document: ParsedDocument, line: number): ParsedDocument {
  if (document.begins.line === line) return document;
  const original = originals.get(document) ?? document;
  const { begins, source, locate } = original;
  const down = line - begins.line;
  if (down === 0) return original;
  const place = (where: Source): Source => ({ ...where, line: where.line + down });
  const placed = {
    ...{ ...original, begins: place(begins), source: place(source) },
    locate: (path: FieldPath) => place(locate(path)),
  };
  originals.set(placed, original);
  return placed;
}

function lineBreaks(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
