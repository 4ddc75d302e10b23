// Documents + changes → the resulting documents. Pure; every store plans its applies with it.
import { differing, spliced } from '../lib/differing.ts';
import type { DocumentKey } from '../model/documents/document.ts';
import { asOwnFile } from '../model/own-file.ts';
import { parseDocuments } from '../model/parse.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import type { Change } from './store.ts';

/** A change that really changes something: `document` is absent for a delete. */
export interface Edit {
  readonly key: DocumentKey;
  readonly document?: ParsedDocument;
}

export type PlannedChanges =
  | {
      readonly kind: 'next';
      readonly documents: readonly ParsedDocument[];
      readonly edits: readonly Edit[];
      readonly sent: readonly ParsedDocument[];
    }
  /** `sent`: what the changes contain, each with its key as the file. */
  | { readonly kind: 'unchanged'; readonly sent: readonly ParsedDocument[] }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/** Parses (and tells of each text that is) and compares. Problems in a put text are placed in it, under its key as the file. */
export function planChanges(
  current: readonly ParsedDocument[],
  changes: readonly Change[],
  onParsed: () => void = () => {},
): PlannedChanges {
  const problems: Problem[] = [];
  const edits = new Map<DocumentKey, Edit>();
  const sent: ParsedDocument[] = [];
  for (const change of changes) {
    if (edits.has(change.key)) problems.push(atStart(change.key, 'duplicate-change', `${change.key} is changed twice`));
    const before = edits.has(change.key) ? edits.get(change.key)?.document : documentOf(current, change.key);
    if (change.op === 'delete') {
      if (before === undefined) continue;
      edits.set(change.key, { key: change.key });
      continue;
    }
    const parsed = parsePut(change, onParsed);
    if (parsed.kind === 'invalid') {
      problems.push(...parsed.problems);
      continue;
    }
    sent.push(parsed.document);
    if (before !== undefined && sameText(before.text, parsed.document.text)) continue;
    edits.set(change.key, { key: change.key, document: parsed.document });
  }
  if (problems.length > 0) return { kind: 'invalid', problems };
  if (edits.size === 0) return { kind: 'unchanged', sent };
  return { kind: 'next', documents: withEdits(current, [...edits.values()]), edits: [...edits.values()], sent };
}

function parsePut(
  { key, text, parsed: before }: Extract<Change, { op: 'put' }>,
  onParsed: () => void,
):
  | { readonly kind: 'one'; readonly document: ParsedDocument }
  | { readonly kind: 'invalid'; problems: readonly Problem[] } {
  const there = before?.key === key && before.text === text ? asOwnFile(before, key) : undefined;
  if (there !== undefined) return { kind: 'one', document: there };
  onParsed();
  const parsed = parseDocuments(text, key);
  if (parsed.kind === 'invalid') return parsed;
  const [document, ...more] = parsed.documents;
  if (document === undefined || more.length > 0) {
    return {
      kind: 'invalid',
      problems: [atStart(key, 'one-document', `expected one document, found ${parsed.documents.length}`)],
    };
  }
  if (document.key !== key) {
    return {
      kind: 'invalid',
      problems: [
        {
          ...atStart(key, 'wrong-key', `the text is that of ${document.key}, not of ${key}`),
          hint: `put it under ${document.key}, or correct its kind, its cell or its name`,
        },
      ],
    };
  }
  return { kind: 'one', document };
}

function atStart(file: string, code: string, message: string): Problem {
  return { severity: 'error', code, message, source: { file, line: 1, column: 1 } };
}

/** Equal except for trailing blanks and the style of line breaks. */
export function sameText(a: string, b: string): boolean {
  return a === b || comparable(a) === comparable(b);
}

function comparable(text: string): string {
  return text.replaceAll('\r\n', '\n').trimEnd();
}

/** Whether both contain the same documents with the same texts. Both are sorted. */
export function sameDocuments(a: readonly ParsedDocument[], b: readonly ParsedDocument[]): boolean {
  if (a.length !== b.length) return false;
  const { before, after } = differing(a, b);
  return before.every((document, index) => {
    const other = after[index];
    return other !== undefined && other.key === document.key && sameText(document.text, other.text);
  });
}

/** Where a document of that key stands, or would, among documents that are sorted by key. */
function placeOf(documents: readonly ParsedDocument[], key: DocumentKey): number {
  let [low, high] = [0, documents.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((documents[middle]?.key ?? key) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Of documents that are sorted by key. */
export function documentOf(documents: readonly ParsedDocument[], key: DocumentKey): ParsedDocument | undefined {
  const there = documents[placeOf(documents, key)];
  return there?.key === key ? there : undefined;
}

/** More are sorted anew. */
const fewEdits = 100;

/** Documents that are sorted by key, edited: sorted as well. */
export function withEdits(documents: readonly ParsedDocument[], edits: readonly Edit[]): readonly ParsedDocument[] {
  if (edits.length > fewEdits) {
    const all = new Map(documents.map((document) => [document.key, document]));
    for (const { key, document } of edits) {
      if (document === undefined) all.delete(key);
      else all.set(key, document);
    }
    return sortDocuments([...all.values()]);
  }
  const placed = (all: readonly ParsedDocument[], key: DocumentKey): readonly [at: number, there: 0 | 1] => {
    const at = placeOf(all, key);
    return [at, all[at]?.key === key ? 1 : 0];
  };
  if (edits.length === 0) return documents;
  const [only, ...more] = edits;
  if (only !== undefined && more.length === 0) {
    return spliced(documents, ...placed(documents, only.key), only.document === undefined ? [] : [only.document]);
  }
  const edited = [...documents];
  for (const { key, document } of edits) {
    const [at, there] = placed(edited, key);
    if (document === undefined) edited.splice(at, there);
    else edited.splice(at, there, document);
  }
  return edited;
}

/** By key, in code-unit order: every store and replica has the same order. */
export function sortDocuments(documents: readonly ParsedDocument[]): readonly ParsedDocument[] {
  return documents.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}
